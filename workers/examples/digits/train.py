#!/usr/bin/env python3
"""Trains the model of `digits` and writes the program's input: input/model.int8 and input/images.csv.

Needs numpy, and scikit-learn for its copy of the data only: 1,797 handwritten digits of 8 x 8 pixels with 17 grey
levels (UCI "Optical Recognition of Handwritten Digits", test part, E. Alpaydin and C. Kaynak, 1998, CC BY 4.0).

1,437 images train the network, 360 are kept aside; they are the images of the job. A perceptron with 64 inputs, two
hidden layers of 48 and 32 rectified units and 10 outputs is trained in floating point with Adam, small shifts and noise
as augmentation. Then each layer's weights are rounded to int8 with one scale, and what a layer hands on is scaled to
0..127 by an integer factor and a shift, chosen on the training images. The program needs integers only.

Usage: train.py      (about ten seconds; the same numbers every time with the same numpy)
"""

import gzip
import importlib.util
import pathlib

import numpy as np

SIZES = [64, 48, 32, 10]
HERE = pathlib.Path(__file__).parent


def load():
    package = pathlib.Path(importlib.util.find_spec("sklearn").submodule_search_locations[0])
    with gzip.open(package / "datasets/data/digits.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    order = np.random.default_rng(2026).permutation(len(table))
    table = table[order]
    return table[:1437], table[1437:]


def shifted(images, rng):
    """Some images moved by one pixel, all with a little noise."""
    squares = images.reshape(-1, 8, 8)
    padded = np.pad(squares, ((0, 0), (1, 1), (1, 1)))
    moved = np.empty_like(squares)
    rows, columns = rng.choice(3, (2, len(images)), p=[0.1, 0.8, 0.1])
    for index, (row, column) in enumerate(zip(rows, columns)):
        moved[index] = padded[index, row : row + 8, column : column + 8]
    noisy = moved.reshape(-1, 64) + rng.normal(0, 1, (len(images), 64))
    return np.clip(noisy, 0, 16)


def forward(layers, values):
    outputs = [values]
    for index, (weights, bias) in enumerate(layers):
        values = values @ weights.T + bias
        if index + 1 < len(layers):
            values = np.maximum(values, 0)
        outputs.append(values)
    return outputs


def train(data):
    rng = np.random.default_rng(7)
    images, labels = data[:, :64].astype(float), data[:, 64]
    layers = [
        [rng.normal(0, np.sqrt(2 / before), (after, before)), np.zeros(after)]
        for before, after in zip(SIZES, SIZES[1:])
    ]
    first = [[np.zeros_like(part) for part in layer] for layer in layers]
    second = [[np.zeros_like(part) for part in layer] for layer in layers]
    step, epochs, batch = 0, 160, 64
    for epoch in range(epochs):
        rate = 0.002 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        order = rng.permutation(len(images))
        inputs = shifted(images, rng) / 16
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            outputs = forward(layers, inputs[chosen])
            scores = outputs[-1] - outputs[-1].max(axis=1, keepdims=True)
            chances = np.exp(scores)
            chances /= chances.sum(axis=1, keepdims=True)
            chances[np.arange(len(chosen)), labels[chosen]] -= 1
            error = chances / len(chosen)
            step += 1
            for index in reversed(range(len(layers))):
                weights, _ = layers[index]
                slopes = [error.T @ outputs[index] + 1e-4 * weights, error.sum(axis=0)]
                error = (error @ weights) * (outputs[index] > 0)
                for part in range(2):
                    one, two = first[index][part], second[index][part]
                    one += 0.1 * (slopes[part] - one)
                    two += 0.001 * (slopes[part] ** 2 - two)
                    one_now, two_now = one / (1 - 0.9**step), two / (1 - 0.999**step)
                    layers[index][part] -= rate * one_now / (np.sqrt(two_now) + 1e-8)
    return layers


def quantise(layers, images):
    """Integer layers: (weights int8, bias int32, factor, shift)."""
    outputs = forward(layers, images / 16)
    scale_in, result = 16.0, []
    for index, (weights, bias) in enumerate(layers):
        scale = 127 / np.abs(weights).max()
        whole = np.clip(np.rint(weights * scale), -127, 127).astype(np.int8)
        whole_bias = np.rint(bias * scale * scale_in).astype(np.int32)
        if index + 1 < len(layers):
            scale_out = 127 / np.quantile(outputs[index + 1], 0.9999)
            shift = 24
            factor = int(round(scale_out / (scale * scale_in) * 2**shift))
            result.append((whole, whole_bias, factor, shift))
            scale_in = scale_out
        else:
            result.append((whole, whole_bias, 1, 0))
    return result


def predict(layers, images):
    """What the program computes, with the same integers."""
    values = images.astype(np.int64)
    for weights, bias, factor, shift in layers:
        sums = values @ weights.astype(np.int64).T + bias
        if shift:
            sums = np.clip((np.maximum(sums, 0) * factor + (1 << (shift - 1))) >> shift, 0, 127)
        values = sums
    return values.argmax(axis=1)


def main():
    training, test = load()
    layers = train(training)
    images, labels = test[:, :64], test[:, 64]
    exact = forward(layers, images / 16)[-1].argmax(axis=1)
    whole = quantise(layers, training[:, :64])
    guesses = predict(whole, images)
    print(f"floating point: {(exact == labels).mean():.4%} of {len(test)} images")
    print(f"int8:           {(guesses == labels).mean():.4%}")

    (HERE / "input").mkdir(exist_ok=True)
    with open(HERE / "input/model.int8", "wb") as file:
        file.write(b"io digits model 1\n")
        file.write(b"%d layers: inputs outputs factor shift\n" % len(whole))
        for weights, _, factor, shift in whole:
            file.write(b"%d %d %d %d\n" % (weights.shape[1], weights.shape[0], factor, shift))
        for weights, bias, _, _ in whole:
            file.write(weights.tobytes())
            file.write(bias.astype("<i4").tobytes())
    with open(HERE / "input/images.csv", "w") as file:
        for row in test:
            file.write(",".join(map(str, row)) + "\n")


if __name__ == "__main__":
    main()
