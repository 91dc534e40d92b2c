/*
 * Recognises handwritten digits with a small neural network, in integers only.
 *
 * Input: a tar archive with `model.int8` (made by train.py) and `images.csv`: 64 grey levels of 0 to 16 per line, and,
 * if it is known, the digit. Result: /out/predictions.csv, and the share of right answers on standard output.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LAYERS 8
#define MAX_WIDTH 1024
#define INPUTS 64
#define CLASSES 10

typedef struct {
	int inputs, outputs, shift;
	int64_t factor;
	int8_t *weights; /* one row per output */
	int32_t *bias;
} Layer;

static Layer layers[MAX_LAYERS];
static int layer_count;

static void fail(const char *what) {
	fprintf(stderr, "digits: %s\n", what);
	exit(2);
}

static void load_model(const char *path) {
	FILE *file = fopen(path, "rb");
	if (!file) fail("/in/model.int8 is missing; the input is a tar archive of model.int8 and images.csv");
	char text[128];
	if (!fgets(text, sizeof text, file) || strcmp(text, "io digits model 1\n") != 0) fail("this is no model of version 1");
	if (!fgets(text, sizeof text, file) || sscanf(text, "%d layers", &layer_count) != 1 || layer_count < 1 || layer_count > MAX_LAYERS)
		fail("the model's number of layers is wrong");
	int width = INPUTS;
	for (int i = 0; i < layer_count; i++) {
		Layer *layer = &layers[i];
		long long factor = 0;
		if (!fgets(text, sizeof text, file) || sscanf(text, "%d %d %lld %d", &layer->inputs, &layer->outputs, &factor, &layer->shift) != 4)
			fail("a layer's line is wrong");
		layer->factor = factor;
		if (layer->inputs != width || layer->outputs < 1 || layer->outputs > MAX_WIDTH || layer->shift < 0 || layer->shift > 40 || factor < 0 || factor > INT32_MAX)
			fail("a layer does not fit to the one before");
		width = layer->outputs;
	}
	if (width != CLASSES) fail("the model does not end with ten outputs");
	for (int i = 0; i < layer_count; i++) {
		Layer *layer = &layers[i];
		size_t count = (size_t)layer->inputs * layer->outputs;
		layer->weights = malloc(count);
		layer->bias = malloc(layer->outputs * sizeof(int32_t));
		if (!layer->weights || !layer->bias) fail("not enough memory");
		if (fread(layer->weights, 1, count, file) != count) fail("the model is cut off");
		for (int j = 0; j < layer->outputs; j++) {
			uint8_t bytes[4];
			if (fread(bytes, 1, 4, file) != 4) fail("the model is cut off");
			layer->bias[j] = (int32_t)((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
		}
	}
	fclose(file);
}

static int classify(const uint8_t *pixels, int64_t *margin) {
	static uint8_t values[2][MAX_WIDTH];
	static int64_t sums[MAX_WIDTH];
	memcpy(values[0], pixels, INPUTS);
	for (int i = 0; i < layer_count; i++) {
		const Layer *layer = &layers[i];
		const uint8_t *in = values[i & 1];
		uint8_t *out = values[(i + 1) & 1];
		for (int j = 0; j < layer->outputs; j++) {
			const int8_t *row = layer->weights + (size_t)j * layer->inputs;
			int32_t sum = 0;
			for (int k = 0; k < layer->inputs; k++) sum += row[k] * in[k];
			sums[j] = (int64_t)sum + layer->bias[j];
			if (i + 1 == layer_count) continue;
			int64_t value = sums[j] > 0 ? sums[j] : 0;
			if (layer->shift > 0) value = (value * layer->factor + ((int64_t)1 << (layer->shift - 1))) >> layer->shift;
			out[j] = (uint8_t)(value > 127 ? 127 : value);
		}
	}
	int best = 0;
	for (int j = 1; j < CLASSES; j++)
		if (sums[j] > sums[best]) best = j;
	*margin = INT64_MAX;
	for (int j = 0; j < CLASSES; j++)
		if (j != best && sums[best] - sums[j] < *margin) *margin = sums[best] - sums[j];
	return best;
}

int main(void) {
	load_model("/in/model.int8");
	FILE *images = fopen("/in/images.csv", "r");
	if (!images) fail("/in/images.csv is missing; the input is a tar archive of model.int8 and images.csv");
	FILE *out = fopen("/out/predictions.csv", "w");
	if (!out) {
		perror("digits: /out/predictions.csv");
		return 1;
	}
	fprintf(out, "image,prediction,margin,label\n");
	char text[1024];
	int count = 0, labelled = 0, right = 0, confusion[CLASSES][CLASSES] = {{0}};
	while (fgets(text, sizeof text, images)) {
		uint8_t pixels[INPUTS];
		char *at = text, *end;
		for (int i = 0; i < INPUTS; i++) {
			long value = strtol(at, &end, 10);
			if (end == at || value < 0 || value > 16) {
				fprintf(stderr, "digits: image %d: pixel %d is no number from 0 to 16\n", count + 1, i + 1);
				return 2;
			}
			pixels[i] = (uint8_t)value;
			at = *end == ',' ? end + 1 : end;
		}
		long label = strtol(at, &end, 10);
		int has_label = end != at && label >= 0 && label < CLASSES;
		int64_t margin;
		int guess = classify(pixels, &margin);
		count++;
		if (has_label) {
			labelled++;
			right += guess == label;
			confusion[label][guess]++;
			fprintf(out, "%d,%d,%lld,%ld\n", count, guess, (long long)margin, label);
		} else {
			fprintf(out, "%d,%d,%lld,\n", count, guess, (long long)margin);
		}
	}
	if (fclose(out) != 0) {
		perror("digits: /out/predictions.csv");
		return 1;
	}
	printf("%d images", count);
	if (labelled > 0) {
		/* In hundredths of a percent, without floating point. */
		long share = ((long)right * 10000 + labelled / 2) / labelled;
		printf(", %d of %d right: %ld.%02ld %%\n\nlabel  read as 0 to 9\n", right, labelled, share / 100, share % 100);
		for (int i = 0; i < CLASSES; i++) {
			printf("%5d ", i);
			for (int j = 0; j < CLASSES; j++) printf("%4d", confusion[i][j]);
			printf("\n");
		}
	} else {
		printf("\n");
	}
	return 0;
}
