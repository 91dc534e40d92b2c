/*
 * A small path tracer: reads a scene from its input and renders it to /out/image.png.
 *
 * Arguments: WIDTH HEIGHT SAMPLES [BOUNCES]
 * Scene format: see scenes/README.md.
 *
 * One pixel does not depend on any other: its random numbers start from its position. So parts of an image could be
 * rendered by different jobs and put together.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "png.h"

#define MAX_OBJECTS 256
#define MAX_MATERIALS 64
#define NAME_LEN 32
#define EPSILON 1e-4
#define FAR 1e20
#define PI 3.14159265358979323846

typedef struct {
	double x, y, z;
} Vec;

static Vec vec(double x, double y, double z) { return (Vec){x, y, z}; }
static Vec add(Vec a, Vec b) { return vec(a.x + b.x, a.y + b.y, a.z + b.z); }
static Vec sub(Vec a, Vec b) { return vec(a.x - b.x, a.y - b.y, a.z - b.z); }
static Vec mul(Vec a, Vec b) { return vec(a.x * b.x, a.y * b.y, a.z * b.z); }
static Vec scale(Vec a, double s) { return vec(a.x * s, a.y * s, a.z * s); }
static double dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static Vec cross(Vec a, Vec b) {
	return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
static Vec unit(Vec a) { return scale(a, 1.0 / sqrt(dot(a, a))); }

/* Random numbers: PCG32. */
typedef struct {
	uint64_t state, increment;
} Random;

static uint32_t random_u32(Random *random) {
	uint64_t old = random->state;
	random->state = old * 6364136223846793005ULL + random->increment;
	uint32_t mixed = (uint32_t)(((old >> 18) ^ old) >> 27);
	uint32_t turn = (uint32_t)(old >> 59);
	return (mixed >> turn) | (mixed << ((-turn) & 31));
}

static double random_unit(Random *random) { return random_u32(random) * (1.0 / 4294967296.0); }

static Random random_for(uint64_t stream) {
	Random random = {0, (stream << 1) | 1};
	random_u32(&random);
	random.state += 0x853c49e6748fea9bULL ^ (stream * 0x9e3779b97f4a7c15ULL);
	random_u32(&random);
	return random;
}

typedef enum { DIFFUSE, METAL, GLASS, LIGHT } Kind;

typedef struct {
	char name[NAME_LEN];
	Kind kind;
	Vec color, checker;
	double fuzz, index, checker_size;
} Material;

typedef enum { SPHERE, PLANE, BOX } Shape;

typedef struct {
	Shape shape;
	int material;
	Vec a, b; /* sphere: centre; plane: point and normal; box: centre and half sizes */
	double radius, sine, cosine; /* box: turned around the y axis */
} Object;

typedef struct {
	Material materials[MAX_MATERIALS];
	Object objects[MAX_OBJECTS];
	int material_count, object_count;
	int lights[MAX_OBJECTS], light_count; /* spheres that shine */
	Vec eye, target, up, sky_low, sky_high;
	double field_of_view, aperture, focus, exposure;
} Scene;

static Scene scene;

static void fail(const char *what, int line) {
	fprintf(stderr, "pathtracer: line %d of the scene: %s\n", line, what);
	exit(2);
}

static int material_named(const char *name, int line) {
	for (int i = 0; i < scene.material_count; i++)
		if (strcmp(scene.materials[i].name, name) == 0) return i;
	fail("no such material", line);
	return 0;
}

static Material *new_material(const char *name, int line) {
	if (scene.material_count == MAX_MATERIALS) fail("too many materials", line);
	Material *material = &scene.materials[scene.material_count++];
	memset(material, 0, sizeof *material);
	strcpy(material->name, name);
	return material;
}

static Object *new_object(Shape shape, const char *material, int line) {
	if (scene.object_count == MAX_OBJECTS) fail("too many objects", line);
	Object *object = &scene.objects[scene.object_count++];
	memset(object, 0, sizeof *object);
	object->shape = shape;
	object->material = material_named(material, line);
	return object;
}

static void read_line(char *text, int line) {
	char word[NAME_LEN], name[NAME_LEN];
	Vec a, b;
	double x, y;
	char *comment = strchr(text, '#');
	if (comment) *comment = 0;
	if (sscanf(text, " %31s", word) != 1) return;
#define IS(keyword) (strcmp(word, keyword) == 0)
	if (IS("camera")) {
		if (sscanf(text, " %*s %lf %lf %lf %lf %lf %lf %lf", &a.x, &a.y, &a.z, &b.x, &b.y, &b.z, &x) != 7)
			fail("camera EYE(3) TARGET(3) FIELD_OF_VIEW", line);
		scene.eye = a, scene.target = b, scene.field_of_view = x;
	} else if (IS("lens")) {
		if (sscanf(text, " %*s %lf %lf", &x, &y) != 2) fail("lens APERTURE FOCUS_DISTANCE", line);
		scene.aperture = x, scene.focus = y;
	} else if (IS("exposure")) {
		if (sscanf(text, " %*s %lf", &x) != 1) fail("exposure FACTOR", line);
		scene.exposure = x;
	} else if (IS("sky")) {
		if (sscanf(text, " %*s %lf %lf %lf %lf %lf %lf", &a.x, &a.y, &a.z, &b.x, &b.y, &b.z) != 6)
			fail("sky HORIZON(3) ZENITH(3)", line);
		scene.sky_low = a, scene.sky_high = b;
	} else if (IS("diffuse") || IS("light")) {
		if (sscanf(text, " %*s %31s %lf %lf %lf", name, &a.x, &a.y, &a.z) != 4)
			fail("diffuse|light NAME COLOR(3)", line);
		Material *material = new_material(name, line);
		material->kind = IS("light") ? LIGHT : DIFFUSE;
		material->color = a;
	} else if (IS("checker")) {
		if (sscanf(text, " %*s %31s %lf %lf %lf %lf %lf %lf %lf", name, &a.x, &a.y, &a.z, &b.x, &b.y, &b.z, &x) != 8)
			fail("checker NAME COLOR(3) COLOR(3) SIZE", line);
		Material *material = new_material(name, line);
		material->kind = DIFFUSE;
		material->color = a, material->checker = b, material->checker_size = x;
	} else if (IS("metal") || IS("glass")) {
		if (sscanf(text, " %*s %31s %lf %lf %lf %lf", name, &a.x, &a.y, &a.z, &x) != 5)
			fail("metal NAME COLOR(3) FUZZ, or glass NAME COLOR(3) INDEX", line);
		Material *material = new_material(name, line);
		material->kind = IS("metal") ? METAL : GLASS;
		material->color = a, material->fuzz = x, material->index = x;
	} else if (IS("sphere")) {
		if (sscanf(text, " %*s %31s %lf %lf %lf %lf", name, &a.x, &a.y, &a.z, &x) != 5)
			fail("sphere MATERIAL CENTRE(3) RADIUS", line);
		Object *object = new_object(SPHERE, name, line);
		object->a = a, object->radius = x;
		if (scene.materials[object->material].kind == LIGHT)
			scene.lights[scene.light_count++] = scene.object_count - 1;
	} else if (IS("plane")) {
		if (sscanf(text, " %*s %31s %lf %lf %lf %lf %lf %lf", name, &a.x, &a.y, &a.z, &b.x, &b.y, &b.z) != 7)
			fail("plane MATERIAL POINT(3) NORMAL(3)", line);
		if (dot(b, b) == 0) fail("the plane has no normal", line);
		Object *object = new_object(PLANE, name, line);
		object->a = a, object->b = unit(b);
	} else if (IS("box")) {
		x = 0;
		if (sscanf(text, " %*s %31s %lf %lf %lf %lf %lf %lf %lf", name, &a.x, &a.y, &a.z, &b.x, &b.y, &b.z, &x) < 7)
			fail("box MATERIAL CENTRE(3) SIZE(3) [DEGREES]", line);
		Object *object = new_object(BOX, name, line);
		object->a = a, object->b = scale(b, 0.5);
		object->sine = sin(x * PI / 180), object->cosine = cos(x * PI / 180);
	} else {
		fail("unknown keyword", line);
	}
#undef IS
}

/* Into the box's own directions, and back. */
static Vec turn(const Object *box, Vec v) {
	return vec(box->cosine * v.x - box->sine * v.z, v.y, box->sine * v.x + box->cosine * v.z);
}
static Vec turn_back(const Object *box, Vec v) {
	return vec(box->cosine * v.x + box->sine * v.z, v.y, -box->sine * v.x + box->cosine * v.z);
}

static double hit_box(const Object *box, Vec origin, Vec direction, Vec *normal) {
	Vec from = turn(box, sub(origin, box->a)), to = turn(box, direction);
	double start[3] = {from.x, from.y, from.z}, step[3] = {to.x, to.y, to.z};
	double half[3] = {box->b.x, box->b.y, box->b.z};
	double near = -FAR, far = FAR;
	int near_axis = 0, far_axis = 0;
	for (int axis = 0; axis < 3; axis++) {
		if (fabs(step[axis]) < 1e-12) {
			if (fabs(start[axis]) > half[axis]) return FAR;
			continue;
		}
		double one = (-half[axis] - start[axis]) / step[axis], two = (half[axis] - start[axis]) / step[axis];
		if (one > two) {
			double swap = one;
			one = two, two = swap;
		}
		if (one > near) near = one, near_axis = axis;
		if (two < far) far = two, far_axis = axis;
		if (near > far) return FAR;
	}
	double distance = near > EPSILON ? near : far;
	if (distance <= EPSILON) return FAR;
	if (normal) {
		int axis = near > EPSILON ? near_axis : far_axis;
		double sign = start[axis] + distance * step[axis] > 0 ? 1 : -1;
		*normal = turn_back(box, vec(axis == 0 ? sign : 0, axis == 1 ? sign : 0, axis == 2 ? sign : 0));
	}
	return distance;
}

static double hit_object(const Object *object, Vec origin, Vec direction) {
	if (object->shape == SPHERE) {
		Vec offset = sub(origin, object->a);
		double b = dot(offset, direction);
		double outside = dot(offset, offset) - object->radius * object->radius;
		if (outside > 0 && b > 0) return FAR;
		double discriminant = b * b - outside;
		if (discriminant <= 0) return FAR;
		double root = sqrt(discriminant);
		if (-b - root > EPSILON) return -b - root;
		return -b + root > EPSILON ? -b + root : FAR;
	}
	if (object->shape == PLANE) {
		double slope = dot(object->b, direction);
		if (fabs(slope) < 1e-12) return FAR;
		double distance = dot(sub(object->a, origin), object->b) / slope;
		return distance > EPSILON ? distance : FAR;
	}
	return hit_box(object, origin, direction, NULL);
}

static int nearest(Vec origin, Vec direction, double *distance) {
	int found = -1;
	*distance = FAR;
	for (int i = 0; i < scene.object_count; i++) {
		double hit = hit_object(&scene.objects[i], origin, direction);
		if (hit < *distance) *distance = hit, found = i;
	}
	return found;
}

static Vec normal_at(const Object *object, Vec point, Vec origin, Vec direction) {
	if (object->shape == SPHERE) return scale(sub(point, object->a), 1 / object->radius);
	if (object->shape == PLANE) return object->b;
	Vec normal = vec(0, 1, 0);
	hit_box(object, origin, direction, &normal);
	return normal;
}

/* Two directions at right angles to a third. */
static void around(Vec axis, Vec *u, Vec *v) {
	*u = unit(cross(fabs(axis.x) > 0.9 ? vec(0, 1, 0) : vec(1, 0, 0), axis));
	*v = cross(axis, *u);
}

/* A point of the unit disk; returns its squared distance from the centre. */
static double disk_point(Random *random, double *x, double *y) {
	double r2;
	do {
		*x = 2 * random_unit(random) - 1, *y = 2 * random_unit(random) - 1;
		r2 = *x * *x + *y * *y;
	} while (r2 > 1 || r2 == 0);
	return r2;
}

static Vec diffuse_direction(Vec normal, Random *random) {
	Vec u, v;
	double x, y, r2 = disk_point(random, &x, &y);
	around(normal, &u, &v);
	return unit(add(add(scale(u, x), scale(v, y)), scale(normal, sqrt(1 - r2))));
}

static Vec reflect(Vec direction, Vec normal) { return sub(direction, scale(normal, 2 * dot(direction, normal))); }

static Vec sky(Vec direction) {
	double height = direction.y > 0 ? direction.y : 0;
	return add(scale(scene.sky_low, 1 - height), scale(scene.sky_high, height));
}

static int blocked(Vec origin, Vec direction, double distance, int light) {
	for (int i = 0; i < scene.object_count; i++)
		if (i != light && hit_object(&scene.objects[i], origin, direction) < distance) return 1;
	return 0;
}

static double light_weight(int index) {
	Vec color = scene.materials[scene.objects[index].material].color;
	return (color.x + color.y + color.z) * scene.objects[index].radius * scene.objects[index].radius;
}

/* Light that comes straight from a shining sphere: less noise than to find it by chance. */
static Vec light_from(int index, Vec point, Vec normal, Random *random) {
	const Object *light = &scene.objects[index];
	Vec to = sub(light->a, point);
	double distance2 = dot(to, to), sine2 = light->radius * light->radius / distance2;
	if (sine2 >= 1) return vec(0, 0, 0);
	/* A direction within the cone in which the sphere is seen. */
	double cosine_max = sqrt(1 - sine2), x, y, r2 = disk_point(random, &x, &y);
	double cosine = 1 - r2 * (1 - cosine_max), sine = sqrt((1 - cosine * cosine) / r2);
	Vec u, v, axis = unit(to);
	around(axis, &u, &v);
	Vec direction = unit(add(add(scale(u, x * sine), scale(v, y * sine)), scale(axis, cosine)));
	double facing = dot(direction, normal);
	if (facing <= 0 || blocked(point, direction, hit_object(light, point, direction), index)) return vec(0, 0, 0);
	/* The cone's share of the half sphere, weighted like a matt surface reflects. */
	return scale(scene.materials[light->material].color, facing * 2 * (1 - cosine_max));
}

/* Light from all shining spheres, or an estimate from one of them: large and bright ones more often. */
static Vec direct_light(Vec point, Vec normal, int all, Random *random) {
	Vec sum = vec(0, 0, 0);
	double total = 0, weight = 0;
	int index = -1;
	for (int i = 0; i < scene.light_count; i++) {
		if (all) sum = add(sum, light_from(scene.lights[i], point, normal, random));
		total += light_weight(scene.lights[i]);
	}
	if (all || scene.light_count == 0) return sum;
	double left = random_unit(random) * total;
	for (int i = 0; i < scene.light_count && left >= 0; i++) {
		index = scene.lights[i];
		weight = light_weight(index);
		left -= weight;
	}
	return weight > 0 ? scale(light_from(index, point, normal, random), total / weight) : sum;
}

/* What is found rarely and then very bright, like light that glass focuses onto a wall, would show as dots. */
static Vec bounded(Vec light, double most) {
	double brightest = fmax(light.x, fmax(light.y, light.z));
	return brightest > most ? scale(light, most / brightest) : light;
}

static Vec trace(Vec origin, Vec direction, int bounces, Random *random) {
	Vec light = vec(0, 0, 0), share = vec(1, 1, 1);
	int count_lights = 1, matt = 0;
	for (int bounce = 0; bounce <= bounces; bounce++) {
		double distance;
		int index = nearest(origin, direction, &distance);
		if (index < 0) return add(light, mul(share, sky(direction)));
		const Object *object = &scene.objects[index];
		const Material *material = &scene.materials[object->material];
		if (material->kind == LIGHT) {
			/* Shining spheres were counted at the surface before, if that was a matt one. */
			if (count_lights || object->shape != SPHERE)
				light = add(light, bounded(mul(share, material->color), matt ? 0.7 : 8));
			return light;
		}
		Vec point = add(origin, scale(direction, distance));
		Vec outside = normal_at(object, point, origin, direction);
		int entering = dot(outside, direction) < 0;
		Vec normal = entering ? outside : scale(outside, -1);
		Vec color = material->color;
		if (material->checker_size > 0) {
			double size = material->checker_size;
			long cell = (long)floor(point.x / size + 1e-6) + (long)floor(point.z / size + 1e-6);
			if (cell & 1) color = material->checker;
		}
		if (material->kind == DIFFUSE) {
			origin = add(point, scale(normal, EPSILON));
			share = mul(share, color);
			light = add(light, bounded(mul(share, direct_light(origin, normal, !matt, random)), matt ? 0.7 : 8));
			direction = diffuse_direction(normal, random);
			count_lights = 0, matt = 1;
		} else if (material->kind == METAL) {
			direction = reflect(direction, normal);
			if (material->fuzz > 0) {
				Vec blur = diffuse_direction(direction, random);
				direction = unit(add(scale(direction, 1 - material->fuzz), scale(blur, material->fuzz)));
				if (dot(direction, normal) <= 0) return light;
			}
			origin = add(point, scale(normal, EPSILON));
			share = mul(share, color);
			count_lights = 1;
		} else {
			double ratio = entering ? 1 / material->index : material->index;
			double cosine = -dot(direction, normal), sine2 = ratio * ratio * (1 - cosine * cosine);
			double r0 = (1 - ratio) / (1 + ratio), reflected = 1;
			r0 *= r0;
			if (sine2 < 1) {
				double c = 1 - (entering ? cosine : sqrt(1 - sine2));
				reflected = r0 + (1 - r0) * c * c * c * c * c;
			}
			if (random_unit(random) < reflected) {
				direction = reflect(direction, normal);
				origin = add(point, scale(normal, EPSILON));
			} else {
				direction = unit(add(scale(direction, ratio), scale(normal, ratio * cosine - sqrt(1 - sine2))));
				origin = sub(point, scale(normal, EPSILON));
				share = mul(share, color);
			}
			count_lights = 1;
		}
		/* Paths that carry little light end early, the others stand for them. */
		if (bounce > 1) {
			double keep = fmax(share.x, fmax(share.y, share.z));
			if (keep < 0.95) {
				if (random_unit(random) >= keep) return light;
				share = scale(share, 1 / keep);
			}
		}
	}
	return light;
}

/* From light to a byte: filmic tone curve (Narkowicz's fit of ACES), then sRGB. */
static uint8_t to_byte(double value) {
	value *= scene.exposure;
	value = value * (2.51 * value + 0.03) / (value * (2.43 * value + 0.59) + 0.14);
	value = value < 0 ? 0 : value > 1 ? 1 : value;
	value = value <= 0.0031308 ? 12.92 * value : 1.055 * pow(value, 1 / 2.4) - 0.055;
	return (uint8_t)(value * 255 + 0.5);
}

static int number(const char *text, int least, int most, const char *what) {
	char *end;
	long value = strtol(text, &end, 10);
	if (*text == 0 || *end != 0 || value < least || value > most) {
		fprintf(stderr, "pathtracer: %s has to be a number from %d to %d, not `%s`\n", what, least, most, text);
		exit(2);
	}
	return (int)value;
}

int main(int argc, char **argv) {
	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: pathtracer WIDTH HEIGHT SAMPLES [BOUNCES] < scene\n");
		return 2;
	}
	int width = number(argv[1], 1, 8192, "WIDTH"), height = number(argv[2], 1, 8192, "HEIGHT");
	int samples = number(argv[3], 1, 65536, "SAMPLES");
	int bounces = argc > 4 ? number(argv[4], 0, 64, "BOUNCES") : 6;

	scene.eye = vec(0, 1, 5), scene.up = vec(0, 1, 0), scene.field_of_view = 40, scene.exposure = 1;
	char text[512];
	for (int line = 1; fgets(text, sizeof text, stdin); line++) read_line(text, line);
	if (scene.object_count == 0) {
		fprintf(stderr, "pathtracer: the scene is empty; give a scene file as the input\n");
		return 2;
	}

	Vec forward = unit(sub(scene.target, scene.eye)), right = unit(cross(forward, scene.up));
	Vec up = cross(right, forward);
	double tangent = tan(scene.field_of_view * PI / 360), focus = scene.focus > 0 ? scene.focus : 1;
	int side = (int)sqrt((double)samples);
	uint8_t *pixels = malloc((size_t)width * height * 3);
	if (!pixels) {
		fprintf(stderr, "pathtracer: not enough memory for the image\n");
		return 1;
	}
	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			Random random = random_for((uint64_t)y * width + x);
			Vec sum = vec(0, 0, 0);
			for (int sample = 0; sample < samples; sample++) {
				/* Spread over the pixel as long as whole squares can be filled. */
				double dx = random_unit(&random), dy = random_unit(&random);
				if (sample < side * side) dx = (sample % side + dx) / side, dy = (sample / side + dy) / side;
				double px = (2 * (x + dx) - width) / height * tangent, py = (height - 2 * (y + dy)) / height * tangent;
				Vec direction = add(forward, add(scale(right, px), scale(up, py)));
				Vec origin = scene.eye;
				if (scene.aperture > 0) {
					double lens_x, lens_y;
					disk_point(&random, &lens_x, &lens_y);
					Vec shift = scale(add(scale(right, lens_x), scale(up, lens_y)), scene.aperture);
					direction = sub(scale(direction, focus), shift);
					origin = add(origin, shift);
				}
				sum = add(sum, trace(origin, unit(direction), bounces, &random));
			}
			uint8_t *pixel = pixels + ((size_t)y * width + x) * 3;
			pixel[0] = to_byte(sum.x / samples);
			pixel[1] = to_byte(sum.y / samples);
			pixel[2] = to_byte(sum.z / samples);
		}
	}
	if (png_write("/out/image.png", pixels, width, height) != 0) {
		perror("pathtracer: /out/image.png");
		return 1;
	}
	printf("%d x %d pixels, %d samples each, %d objects\n", width, height, samples, scene.object_count);
	return 0;
}
