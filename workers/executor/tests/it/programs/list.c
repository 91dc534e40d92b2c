/* Prints the whole tree below /in, with what is in the files, and standard input. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void show(FILE *file) {
	for (int byte, count = 0; (byte = getc(file)) != EOF && count < 40; count++) putchar(byte < 32 || byte > 126 ? '.' : byte);
	putchar('\n');
}

static void walk(const char *path) {
	DIR *dir = opendir(path);
	if (!dir) return;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
		char below[4096];
		snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_DIR) {
			printf("%s/\n", below);
			walk(below);
			continue;
		}
		printf("%s: ", below);
		FILE *file = fopen(below, "rb");
		if (!file) {
			printf("cannot open\n");
			continue;
		}
		show(file);
		fclose(file);
	}
	closedir(dir);
}

int main(void) {
	walk("/in");
	printf("stdin: ");
	show(stdin);
	return 0;
}
