/*
 * Groups the rows of a CSV file by one column and sums up another one: count, sum, mean, least and greatest value.
 *
 * Arguments: KEY VALUE, names of columns or numbers from 1. The CSV file is the input; its first row names the columns.
 * Result: /out/result.csv, sorted by key.
 *
 * Values are decimal numbers. They are added exactly, as integers with as many digits after the point as the most exact
 * value has; only the mean is rounded, half away from zero, to four digits more than that. Rows without a number in the
 * value column are counted as skipped.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 1024
#define MAX_DECIMALS 12
#define MAX_DIGITS 30

typedef __int128 Wide;

typedef struct Group {
	char *key;
	size_t key_len;
	struct Group *next;
	uint64_t count;
	Wide sum, least, greatest; /* in units of 10^-MAX_DECIMALS */
} Group;

static Group **table;
static size_t table_size, group_count;

static void *take(size_t size) {
	void *memory = calloc(1, size);
	if (!memory) {
		fprintf(stderr, "groupby: not enough memory\n");
		exit(1);
	}
	return memory;
}

static uint64_t hash_of(const char *key, size_t len) {
	uint64_t hash = 14695981039346656037ULL;
	for (size_t i = 0; i < len; i++) hash = (hash ^ (uint8_t)key[i]) * 1099511628211ULL;
	return hash;
}

static void grow(void) {
	size_t size = table_size ? table_size * 2 : 1024;
	Group **bigger = take(size * sizeof *bigger);
	for (size_t i = 0; i < table_size; i++)
		for (Group *group = table[i], *next; group; group = next) {
			next = group->next;
			size_t slot = hash_of(group->key, group->key_len) & (size - 1);
			group->next = bigger[slot];
			bigger[slot] = group;
		}
	free(table);
	table = bigger, table_size = size;
}

static Group *group_of(const char *key, size_t len) {
	if (group_count >= table_size) grow();
	size_t slot = hash_of(key, len) & (table_size - 1);
	for (Group *group = table[slot]; group; group = group->next)
		if (group->key_len == len && memcmp(group->key, key, len) == 0) return group;
	Group *group = take(sizeof *group);
	group->key = take(len + 1);
	memcpy(group->key, key, len);
	group->key_len = len;
	group->next = table[slot];
	table[slot] = group;
	group_count++;
	return group;
}

/* A row: its fields lie one after the other in `text`, field i from starts[i] to starts[i + 1]. */
typedef struct {
	char *text;
	size_t len, room;
	size_t starts[MAX_FIELDS + 1];
	int fields;
} Row;

static void append(Row *row, int byte) {
	if (row->len == row->room) {
		row->room = row->room ? row->room * 2 : 4096;
		row->text = realloc(row->text, row->room);
		if (!row->text) {
			fprintf(stderr, "groupby: not enough memory for a row\n");
			exit(1);
		}
	}
	row->text[row->len++] = (char)byte;
}

static uint64_t line = 1;

static void end_field(Row *row) {
	if (row->fields == MAX_FIELDS) {
		fprintf(stderr, "groupby: line %llu has more than %d fields\n", (unsigned long long)line, MAX_FIELDS);
		exit(2);
	}
	row->starts[++row->fields] = row->len;
}

/* Reads a row (RFC 4180: quoted fields may hold commas, line ends and doubled quotes). Returns 0 at the end. */
static int read_row(FILE *file, Row *row) {
	row->len = 0, row->fields = 0, row->starts[0] = 0;
	int byte = getc(file);
	if (byte == EOF) return 0;
	for (;;) {
		size_t start = row->len;
		int quoted = 0;
		if (byte == '"') {
			quoted = 1;
			for (byte = getc(file);; byte = getc(file)) {
				if (byte == EOF) {
					fprintf(stderr, "groupby: the quoted field that ends at line %llu is not closed\n", (unsigned long long)line);
					exit(2);
				}
				if (byte == '"' && (byte = getc(file)) != '"') break;
				if (byte == '\n') line++;
				append(row, byte);
			}
		}
		while (byte != ',' && byte != '\n' && byte != EOF) {
			append(row, byte);
			byte = getc(file);
		}
		if (!quoted && byte != ',' && row->len > start && row->text[row->len - 1] == '\r') row->len--;
		else if (quoted && byte != ',' && row->len > start && row->text[row->len - 1] == '\r') row->len--;
		end_field(row);
		if (byte == '\n') line++;
		if (byte != ',') return 1;
		byte = getc(file);
		if (byte == EOF) {
			end_field(row);
			return 1;
		}
	}
}

/* Reads a decimal number, exactly. Returns 0 if it is none, or one with too many digits. */
static int parse(const char *text, size_t len, Wide *value, int *decimals) {
	while (len > 0 && (*text == ' ' || *text == '\t')) text++, len--;
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t')) len--;
	int negative = 0, digits = 0, after = -1;
	if (len > 0 && (*text == '-' || *text == '+')) negative = *text == '-', text++, len--;
	Wide sum = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && after < 0) {
			after = 0;
			continue;
		}
		if (text[i] < '0' || text[i] > '9' || ++digits > MAX_DIGITS - MAX_DECIMALS) return 0;
		if (after >= 0 && ++after > MAX_DECIMALS) return 0;
		sum = sum * 10 + (text[i] - '0');
	}
	if (digits == 0) return 0;
	if (after < 0) after = 0;
	for (int i = after; i < MAX_DECIMALS; i++) sum *= 10;
	if (after > *decimals) *decimals = after;
	*value = negative ? -sum : sum;
	return 1;
}

/* Writes a value with a number of digits after the point; the digits that are left out have to be zero or rounded. */
static void print_value(FILE *file, Wide value, int decimals) {
	char digits[64];
	int len = 0, negative = value < 0;
	if (negative) value = -value;
	for (int i = 0; i < decimals || value > 0 || i == decimals; i++) {
		if (i == decimals && decimals > 0) digits[len++] = '.';
		digits[len++] = (char)('0' + (int)(value % 10));
		value /= 10;
	}
	if (negative) putc('-', file);
	while (len > 0) putc(digits[--len], file);
}

static Wide power_of_ten(int exponent) {
	Wide power = 1;
	while (exponent-- > 0) power *= 10;
	return power;
}

static Wide divide(Wide value, Wide by) {
	Wide half = by / 2;
	return value < 0 ? -((-value + half) / by) : (value + half) / by;
}

static void print_key(FILE *file, const Group *group) {
	if (!memchr(group->key, ',', group->key_len) && !memchr(group->key, '"', group->key_len) &&
		!memchr(group->key, '\n', group->key_len) && !memchr(group->key, '\r', group->key_len)) {
		fwrite(group->key, 1, group->key_len, file);
		return;
	}
	putc('"', file);
	for (size_t i = 0; i < group->key_len; i++) {
		if (group->key[i] == '"') putc('"', file);
		putc(group->key[i], file);
	}
	putc('"', file);
}

static int by_key(const void *a, const void *b) {
	const Group *one = *(Group *const *)a, *two = *(Group *const *)b;
	size_t len = one->key_len < two->key_len ? one->key_len : two->key_len;
	int order = memcmp(one->key, two->key, len);
	return order ? order : (one->key_len > two->key_len) - (one->key_len < two->key_len);
}

static int column(const Row *header, const char *name) {
	for (int i = 0; i < header->fields; i++) {
		size_t len = header->starts[i + 1] - header->starts[i];
		if (len == strlen(name) && memcmp(header->text + header->starts[i], name, len) == 0) return i;
	}
	char *end;
	long number = strtol(name, &end, 10);
	if (*name && !*end && number >= 1 && number <= header->fields) return (int)number - 1;
	fprintf(stderr, "groupby: there is no column `%s`; there are:", name);
	for (int i = 0; i < header->fields; i++)
		fprintf(stderr, " `%.*s`", (int)(header->starts[i + 1] - header->starts[i]), header->text + header->starts[i]);
	fprintf(stderr, "\n");
	exit(2);
}

int main(int argc, char **argv) {
	if (argc != 3) {
		fprintf(stderr, "usage: groupby KEY VALUE < file.csv\n");
		return 2;
	}
	static Row row;
	/* Some programs write a byte order mark first. */
	int mark = getc(stdin);
	if (mark == 0xef) {
		getc(stdin), getc(stdin);
	} else if (mark != EOF) {
		ungetc(mark, stdin);
	}
	if (!read_row(stdin, &row)) {
		fprintf(stderr, "groupby: the input is empty; give a CSV file as the input\n");
		return 2;
	}
	int key = column(&row, argv[1]), value = column(&row, argv[2]);
	uint64_t rows = 0, skipped = 0;
	int decimals = 0;
	while (read_row(stdin, &row)) {
		if (row.fields == 1 && row.len == 0) continue;
		rows++;
		Wide number;
		if (key >= row.fields || value >= row.fields ||
			!parse(row.text + row.starts[value], row.starts[value + 1] - row.starts[value], &number, &decimals)) {
			skipped++;
			continue;
		}
		Group *group = group_of(row.text + row.starts[key], row.starts[key + 1] - row.starts[key]);
		if (group->count == 0 || number < group->least) group->least = number;
		if (group->count == 0 || number > group->greatest) group->greatest = number;
		group->sum += number;
		group->count++;
	}

	Group **sorted = take((group_count + 1) * sizeof *sorted);
	size_t found = 0;
	for (size_t i = 0; i < table_size; i++)
		for (Group *group = table[i]; group; group = group->next) sorted[found++] = group;
	qsort(sorted, found, sizeof *sorted, by_key);

	FILE *out = fopen("/out/result.csv", "wb");
	if (!out) {
		fprintf(stderr, "groupby: /out/result.csv: %s\n", strerror(errno));
		return 1;
	}
	fprintf(out, "%s,count,sum,mean,min,max\n", "key");
	int mean_decimals = decimals + 4 > MAX_DECIMALS ? MAX_DECIMALS : decimals + 4;
	Wide cut = power_of_ten(MAX_DECIMALS - decimals), mean_cut = power_of_ten(MAX_DECIMALS - mean_decimals);
	for (size_t i = 0; i < found; i++) {
		const Group *group = sorted[i];
		print_key(out, group);
		fprintf(out, ",%llu,", (unsigned long long)group->count);
		print_value(out, group->sum / cut, decimals);
		putc(',', out);
		print_value(out, divide(group->sum, (Wide)group->count * mean_cut), mean_decimals);
		putc(',', out);
		print_value(out, group->least / cut, decimals);
		putc(',', out);
		print_value(out, group->greatest / cut, decimals);
		putc('\n', out);
	}
	if (fclose(out) != 0) {
		fprintf(stderr, "groupby: /out/result.csv: %s\n", strerror(errno));
		return 1;
	}
	printf("%llu rows, %zu groups, %llu rows without a number\n", (unsigned long long)rows, found, (unsigned long long)skipped);
	return 0;
}
