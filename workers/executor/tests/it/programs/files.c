/* Checks of the file system; the argument chooses one. Prints what went wrong and exits with 1. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(condition)                                                                  \
	do {                                                                                  \
		if (!(condition)) {                                                               \
			printf("line %d: %s (errno %d: %s)\n", __LINE__, #condition, errno, strerror(errno)); \
			exit(1);                                                                      \
		}                                                                                 \
	} while (0)
#define FAILS(call, code)       \
	do {                        \
		errno = 0;              \
		CHECK((call) == -1);    \
		CHECK(errno == (code)); \
	} while (0)

static void put(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

static void is(const char *path, const char *text) {
	char buffer[4096] = {0};
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t len = read(fd, buffer, sizeof buffer - 1);
	CHECK(len >= 0);
	if (strcmp(buffer, text) != 0) {
		printf("%s holds `%s`, not `%s`\n", path, buffer, text);
		exit(1);
	}
	close(fd);
}

static off_t size_of(const char *path) {
	struct stat stat_;
	CHECK(stat(path, &stat_) == 0);
	return stat_.st_size;
}

static void append(void) {
	put("/out/a", "one");
	int fd = open("/out/a", O_WRONLY | O_APPEND);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(write(fd, "two", 3) == 3);
	close(fd);
	is("/out/a", "onetwo");
}

static void seek(void) {
	int fd = open("/out/a", O_RDWR | O_CREAT, 0644);
	CHECK(lseek(fd, 200000, SEEK_SET) == 200000);
	CHECK(write(fd, "end", 3) == 3);
	CHECK(lseek(fd, 0, SEEK_CUR) == 200003);
	CHECK(lseek(fd, -3, SEEK_END) == 200000);
	FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
	char buffer[8] = "xxxxxxx";
	CHECK(pread(fd, buffer, 6, 199997) == 6);
	CHECK(memcmp(buffer, "\0\0\0end", 6) == 0);
	CHECK(pread(fd, buffer, 6, 200003) == 0);
	CHECK(pwrite(fd, "mid", 3, 65534) == 3);
	CHECK(pread(fd, buffer, 5, 65533) == 5);
	CHECK(memcmp(buffer, "\0mid\0", 5) == 0);
	CHECK(lseek(fd, 0, SEEK_CUR) == 200000);
	close(fd);
}

static void truncated(void) {
	put("/out/a", "abcdef");
	CHECK(truncate("/out/a", 3) == 0);
	CHECK(truncate("/out/a", 70000) == 0);
	CHECK(size_of("/out/a") == 70000);
	char buffer[8];
	int fd = open("/out/a", O_RDONLY);
	CHECK(read(fd, buffer, 6) == 6);
	CHECK(memcmp(buffer, "abc\0\0\0", 6) == 0);
	close(fd);
	put("/out/a", "");
	CHECK(size_of("/out/a") == 0);
	/* Pages of another file must not show up here. */
	put("/tmp/b", "secret");
	CHECK(unlink("/tmp/b") == 0);
	CHECK(truncate("/out/a", 100) == 0);
	fd = open("/out/a", O_RDWR);
	CHECK(pwrite(fd, "x", 1, 50) == 1);
	CHECK(pread(fd, buffer, 6, 0) == 6);
	CHECK(memcmp(buffer, "\0\0\0\0\0\0", 6) == 0);
	close(fd);
}

static void unlinked(void) {
	int fd = open("/tmp/a", O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(write(fd, "hello", 5) == 5);
	CHECK(unlink("/tmp/a") == 0);
	FAILS(open("/tmp/a", O_RDONLY), ENOENT);
	char buffer[8];
	CHECK(pread(fd, buffer, 8, 0) == 5);
	CHECK(write(fd, "!", 1) == 1);
	struct stat stat_;
	CHECK(fstat(fd, &stat_) == 0 && stat_.st_size == 6 && stat_.st_nlink == 0);
	close(fd);
}

static void renamed(void) {
	put("/out/a", "a");
	put("/out/b", "b");
	int fd = open("/out/b", O_RDONLY);
	CHECK(rename("/out/a", "/out/b") == 0);
	is("/out/b", "a");
	char old;
	CHECK(read(fd, &old, 1) == 1 && old == 'b');
	close(fd);
	FAILS(access("/out/a", F_OK), ENOENT);
	CHECK(mkdir("/out/d", 0755) == 0 && mkdir("/out/e", 0755) == 0);
	put("/out/e/f", "f");
	FAILS(rename("/out/d", "/out/e"), ENOTEMPTY);
	FAILS(rename("/out/b", "/out/d"), EISDIR);
	FAILS(rename("/out/d", "/out/b"), ENOTDIR);
	CHECK(rename("/out/e", "/out/d") == 0);
	is("/out/d/f", "f");
	FAILS(rename("/out/d", "/out/d/inner"), EINVAL);
	CHECK(mkdir("/out/d/g", 0755) == 0);
	FAILS(rename("/out/d", "/out/d/g/h"), EINVAL);
	CHECK(rename("/out/d/f", "/out/d/f") == 0);
	FAILS(rename("/out/none", "/out/x"), ENOENT);
	FAILS(rename("/out/b", "/tmp/b"), EXDEV);
	FAILS(rename("/out", "/tmp/out"), EROFS);
}

static void directories(void) {
	CHECK(mkdir("/out/d", 0755) == 0);
	FAILS(mkdir("/out/d", 0755), EEXIST);
	FAILS(mkdir("/out/x/y", 0755), ENOENT);
	const char *names[] = {"b", "a", "B", "ab", "\xc3\xa4", "_"};
	char path[64];
	for (int i = 0; i < 6; i++) {
		snprintf(path, sizeof path, "/out/d/%s", names[i]);
		put(path, names[i]);
	}
	FAILS(rmdir("/out/d"), ENOTEMPTY);
	FAILS(unlink("/out/d"), EISDIR);
	FAILS(rmdir("/out/d/a"), ENOTDIR);
	DIR *dir = opendir("/out/d");
	CHECK(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		printf("%s %llu %d\n", entry->d_name, (unsigned long long)entry->d_ino, entry->d_type == DT_REG);
	closedir(dir);
}

/* Removing while listing, as `rm -r` does, with more entries than fit into one call. */
static void emptied(void) {
	CHECK(mkdir("/tmp/d", 0755) == 0);
	char path[64];
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof path, "/tmp/d/%d", i * 7919 % 1000);
		put(path, "x");
	}
	DIR *dir = opendir("/tmp/d");
	int removed = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.') continue;
		snprintf(path, sizeof path, "/tmp/d/%s", entry->d_name);
		CHECK(unlink(path) == 0);
		removed++;
	}
	closedir(dir);
	CHECK(removed == 1000);
	CHECK(rmdir("/tmp/d") == 0);
}

static void removed(void) {
	CHECK(mkdir("/tmp/d", 0755) == 0);
	int fd = open("/tmp/d", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK(rmdir("/tmp/d") == 0);
	FAILS(openat(fd, "x", O_CREAT | O_WRONLY, 0644), ENOENT);
	FAILS(mkdirat(fd, "x", 0755), ENOENT);
	close(fd);
}

static void links(void) {
	put("/out/a", "a");
	CHECK(link("/out/a", "/out/b") == 0);
	struct stat stat_;
	CHECK(stat("/out/b", &stat_) == 0 && stat_.st_nlink == 2);
	CHECK(unlink("/out/a") == 0);
	is("/out/b", "a");
	FAILS(link("/out/b", "/tmp/b"), EXDEV);
	FAILS(link("/out", "/out/c"), EPERM);
	CHECK(symlink("b", "/out/s") == 0);
	is("/out/s", "a");
	CHECK(lstat("/out/s", &stat_) == 0 && S_ISLNK(stat_.st_mode) && stat_.st_size == 1);
	char target[8];
	CHECK(readlink("/out/s", target, 8) == 1 && target[0] == 'b');
	CHECK(symlink("loop", "/out/loop") == 0);
	FAILS(open("/out/loop", O_RDONLY), ELOOP);
	FAILS(open("/out/s", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK(mkdir("/out/d", 0755) == 0);
	CHECK(symlink("../b", "/out/d/up") == 0);
	is("/out/d/up", "a");
	CHECK(symlink("../../../../etc/passwd", "/out/d/far") == 0);
	CHECK(open("/out/d/far", O_RDONLY) == -1);
	FAILS(symlink("/etc/passwd", "/out/absolute"), EPERM);
}

static void escapes(void) {
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY);
	put("/tmp/x", "x");
	CHECK(openat(dir, "x", O_RDONLY) >= 0);
	FAILS(openat(dir, "../out", O_RDONLY | O_DIRECTORY), ENOTCAPABLE);
	FAILS(openat(dir, "y/../../out", O_RDONLY | O_DIRECTORY), ENOENT);
	CHECK(mkdir("/tmp/y", 0755) == 0);
	FAILS(openat(dir, "y/../../out", O_RDONLY | O_DIRECTORY), ENOTCAPABLE);
	CHECK(openat(dir, "y/../x", O_RDONLY) >= 0);
	CHECK(open("/etc/passwd", O_RDONLY) == -1);
	CHECK(open("/../../etc/passwd", O_RDONLY) == -1);
	CHECK(open("/proc/self/environ", O_RDONLY) == -1);
}

static void readonly(void) {
	FAILS(open("/x", O_WRONLY | O_CREAT, 0644), EROFS);
	FAILS(open("/in/x", O_WRONLY | O_CREAT, 0644), EROFS);
	FAILS(open("/in/input", O_RDWR), EROFS);
	FAILS(open("/in/input", O_RDONLY | O_TRUNC), EROFS);
	FAILS(unlink("/in/input"), EROFS);
	FAILS(mkdir("/dir", 0755), EROFS);
	FAILS(rmdir("/tmp"), EROFS);
	FAILS(truncate("/in/input", 0), EROFS);
	int fd = open("/in/input", O_RDONLY);
	FAILS(write(fd, "x", 1), EBADF);
	FAILS(write(0, "x", 1), EBADF);
	char byte;
	FAILS(read(1, &byte, 1), EBADF);
	FAILS(lseek(1, 0, SEEK_CUR), ESPIPE);
	CHECK(!isatty(0) && !isatty(1));
	is("/in/input", "the input");
	CHECK(read(0, &byte, 1) == 1 && byte == 't');
}

static void names(void) {
	char name[300], path[5000] = "/tmp";
	memset(name, 'n', sizeof name);
	name[255] = 0;
	snprintf(path, sizeof path, "/out/%s", name);
	put(path, "long");
	is(path, "long");
	name[255] = 'n', name[256] = 0;
	snprintf(path, sizeof path, "/out/%s", name);
	FAILS(open(path, O_WRONLY | O_CREAT, 0644), ENAMETOOLONG);
	strcpy(path, "/out");
	while (strlen(path) < 4200) strcat(path, "/.");
	FAILS(open(path, O_RDONLY), ENAMETOOLONG);
	FAILS(open("/out/file/", O_WRONLY | O_CREAT, 0644), EISDIR);
	put("/out/file", "x");
	FAILS(open("/out/file/", O_RDONLY), ENOTDIR);
	FAILS(open("/out/file/x", O_RDONLY), ENOTDIR);
	CHECK(mkdir("/out/dir/", 0755) == 0);
	FAILS(open("/out/dir", O_WRONLY), EISDIR);
	CHECK(access("/out/./dir//../dir/.", F_OK) == 0);
}

static void descriptors(void) {
	int count = 0, fd, last = -1;
	while ((fd = open("/tmp", O_RDONLY | O_DIRECTORY)) >= 0) count++, last = fd;
	CHECK(errno == EMFILE);
	CHECK(count == 1020);
	CHECK(close(last) == 0);
	FAILS(close(last), EBADF);
	CHECK(open("/tmp", O_RDONLY) == last);
}

static void entries(void) {
	char path[64];
	for (int i = 0; i < 65536; i++) {
		snprintf(path, sizeof path, "/tmp/%d", i);
		int fd = open(path, O_WRONLY | O_CREAT, 0644);
		CHECK(fd >= 0);
		close(fd);
	}
	FAILS(open("/tmp/more", O_WRONLY | O_CREAT, 0644), ENOSPC);
	CHECK(unlink("/tmp/0") == 0);
	CHECK(open("/tmp/more", O_WRONLY | O_CREAT, 0644) >= 0);
}

static void quota(void) {
	int fd = open("/tmp/a", O_RDWR | O_CREAT, 0644);
	CHECK(ftruncate(fd, 1 << 30) == 0);
	int other = open("/tmp/b", O_RDWR | O_CREAT, 0644);
	FAILS(write(other, "x", 1), ENOSPC);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(write(other, "x", 1) == 1);
}

static void nested(void) {
	CHECK(mkdir("/out/z", 0755) == 0 && mkdir("/out/a", 0755) == 0 && mkdir("/out/a/deep", 0755) == 0);
	put("/out/z/one", "1");
	put("/out/a/two", "2");
	put("/out/a/deep/three", "3");
	put("/out/a.txt", "4");
	CHECK(symlink("a/two", "/out/link") == 0);
	CHECK(symlink("../tmp/gone", "/out/away") == 0);
	put("/tmp/gone", "not part of the output");
	printf("standard output");
	fprintf(stderr, "standard error");
}

int main(int argc, char **argv) {
	struct {
		const char *name;
		void (*run)(void);
	} checks[] = {
		{"append", append}, {"seek", seek}, {"truncated", truncated}, {"unlinked", unlinked},
		{"renamed", renamed}, {"directories", directories}, {"emptied", emptied}, {"removed", removed},
		{"links", links}, {"escapes", escapes}, {"readonly", readonly}, {"names", names},
		{"descriptors", descriptors}, {"entries", entries}, {"quota", quota}, {"nested", nested},
	};
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (argc > 1 && strcmp(argv[1], checks[i].name) == 0) {
			checks[i].run();
			return 0;
		}
	printf("no such check\n");
	return 1;
}
