"""Reference results for augmentations: OpenCV's kernels, mmdetection's formulas on top of them, and
torchvision's functions on bytes.

    python Tools/goldens/augmentations.py

The formulas of mosaic, mix-up and the affine matrix are written down here from mmdetection's
documentation and paper code (YOLOX); OpenCV does the pixels.
"""

import math

import cv2
import numpy as np
import torch
import torchvision.transforms.v2 as v2
import torchvision.transforms.v2._augment as augment
import torchvision.transforms.v2.functional as F
from torchvision.transforms import AutoAugmentPolicy

from image import Draws, picture, smooth, text, write


def affine_matrix(rotation, scale, shear, shift, height, width):
    angle = math.radians(rotation)
    rotate = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0],
                       [0, 0, 1]])
    scaling = np.diag([scale, scale, 1.0])
    shearing = np.array([[1, math.tan(math.radians(shear[0])), 0],
                         [math.tan(math.radians(shear[1])), 1, 0], [0, 0, 1]])
    translate = np.array([[1, 0, shift[0] * width], [0, 1, shift[1] * height], [0, 0, 1]])
    return translate @ shearing @ rotate @ scaling


def affine():
    cases = []
    for rotation, scale, shear, shift, source, target in [
        (0, 1, (0, 0), (0, 0), (12, 16), (12, 16)),
        (0, 1, (0, 0), (0.25, -0.25), (12, 16), (12, 16)),
        (10, 1.2, (2, -1), (0.1, 0.05), (24, 32), (24, 32)),
        (-7.5, 0.6, (-2, 2), (-0.1, 0.1), (32, 32), (16, 16)),
        (90, 1, (0, 0), (1, 0), (9, 7), (9, 7)),
    ]:
        matrix = affine_matrix(rotation, scale, shear, shift, *target)
        # The Swift side keeps 32-bit numbers.
        matrix = matrix.astype(np.float32).astype(np.float64)
        result = cv2.warpAffine(smooth(*source), matrix[:2], target[::-1],
                                borderValue=(114, 7, 201))
        box = np.array([[3, 2, 1], [9, 2, 1], [9, 7, 1], [3, 7, 1]], np.float64).T
        points = (matrix @ box)[:2]
        cases.append({
            "rotation": rotation, "scale": scale, "shear": shear, "shift": shift,
            "source": source, "target": target,
            "matrix": [float(v) for v in matrix[:2].reshape(-1)],
            "box": [float(v) for v in (*points.min(1), *points.max(1))],
            "pixels": text(result.tobytes()),
        })
    return cases


def hsv():
    cases = []
    for shift in [(0, 0, 0), (5, 0, 0), (-5, 30, -30), (3, -12, 29), (90, 255, 0), (-90, -255, 10)]:
        values = cv2.cvtColor(picture(13, 17), cv2.COLOR_RGB2HSV).astype(np.int16)
        values[..., 0] = (values[..., 0] + shift[0]) % 180
        values[..., 1:] = np.clip(values[..., 1:] + np.array(shift[1:], np.int16), 0, 255)
        result = cv2.cvtColor(values.astype(np.uint8), cv2.COLOR_HSV2RGB)
        cases.append({"shift": shift, "pixels": text(result.tobytes())})
    return cases


def fitted(image, size):
    height, width = image.shape[:2]
    ratio = min(size[0] / height, size[1] / width)
    return cv2.resize(image, (int(width * ratio), int(height * ratio))), ratio


def mosaic():
    cases = []
    for center, sizes in [
        ((16, 20), [(20, 30), (30, 20), (16, 16), (9, 40)]),
        ((40, 12), [(40, 40), (10, 12), (50, 20), (24, 32)]),
    ]:
        input_size = (24, 32)
        height, width = 2 * input_size[0], 2 * input_size[1]
        canvas = np.full((height, width, 3), 114, np.uint8)
        boxes = []
        for place, size in enumerate(sizes):
            image, ratio = fitted(picture(*size), input_size)
            h, w = image.shape[:2]
            x = center[0] - w if place % 2 == 0 else center[0]
            y = center[1] - h if place < 2 else center[1]
            x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
            canvas[y1:y2, x1:x2] = image[y1 - y:y2 - y, x1 - x:x2 - x]
            box = np.array([2, 3, size[1] - 1, size[0] - 2]) * ratio + np.array([x, y, x, y])
            box = np.clip(box, 0, np.array([width, height, width, height]))
            if min(box[2] - box[0], box[3] - box[1]) >= 1:
                boxes.append([float(v) for v in box])
        cases.append({
            "center": center, "sizes": sizes, "input": input_size, "boxes": boxes,
            "pixels": text(canvas.tobytes()),
        })
    return cases


def mix_up():
    cases = []
    for size, factor, flip, target, y, x in [
        ((20, 30), 0.7, True, (24, 32), 0, 0),
        ((30, 20), 1.4, False, (24, 32), 5, 11),
        ((16, 18), 1.25, True, (24, 32), 6, 8),
        ((16, 18), 1.0, False, (30, 20), 0, 12),
    ]:
        input_size = (24, 32)
        image, ratio = fitted(picture(*size), input_size)
        canvas = np.full((*input_size, 3), 114, np.uint8)
        canvas[:image.shape[0], :image.shape[1]] = image
        scaled = cv2.resize(canvas, (int(input_size[1] * factor), int(input_size[0] * factor)))
        if flip:
            scaled = scaled[:, ::-1]
        h, w = scaled.shape[:2]
        padded = np.full((max(h, target[0]), max(w, target[1]), 3), 114, np.uint8)
        padded[:h, :w] = scaled
        other = padded[y:y + target[0], x:x + target[1]]
        own = smooth(*target)
        mixed = (0.5 * own.astype(np.float32) + 0.5 * other.astype(np.float32)).astype(np.uint8)
        x1, y1, x2, y2 = np.array([2, 3, size[1] - 1, size[0] - 2]) * ratio * factor
        x1, x2 = np.clip([x1, x2], 0, w)
        y1, y2 = np.clip([y1, y2], 0, h)
        if flip:
            x1, x2 = w - x2, w - x1
        x1, x2 = np.clip([x1 - x, x2 - x], 0, target[1])
        y1, y2 = np.clip([y1 - y, y2 - y], 0, target[0])
        cases.append({
            "size": size, "factor": factor, "flip": flip, "input": input_size, "target": target,
            "y": y, "x": x, "space": [max(h - target[0], 0) + 1, max(w - target[1], 0) + 1],
            "box": [float(v) for v in (x1, y1, x2, y2)], "pixels": text(mixed.tobytes()),
        })
    return cases


def operations():
    """torchvision's functions on bytes, by the names of our own."""
    functions = {
        "brightness": (F.adjust_brightness, [0, 0.5, 1.3, 2]),
        "contrast": (F.adjust_contrast, [0, 0.6, 1.7]),
        "saturation": (F.adjust_saturation, [0, 0.3, 1.9]),
        "hue": (F.adjust_hue, [-0.5, -0.07, 0.1, 0.31]),
        "sharpness": (F.adjust_sharpness, [0, 0.4, 1.9]),
        "posterize": (F.posterize, [1, 4, 8]),
        "solarize": (F.solarize, [0, 100.5, 128, 255]),
        "grayscale": (lambda image, _: F.rgb_to_grayscale(image, 3), [0]),
        "invert": (lambda image, _: F.invert(image), [0]),
        "autoContrast": (lambda image, _: F.autocontrast(image), [0]),
        "equalize": (lambda image, _: F.equalize(image), [0]),
        "blur3": (lambda image, sigma: F.gaussian_blur(image, [3, 3], [sigma, sigma]), [0.5]),
        "blur5": (lambda image, sigma: F.gaussian_blur(image, [5, 5], [sigma, sigma]), [1.7]),
    }
    cases = []
    for source, pixels in [("picture", picture(17, 18)), ("smooth", smooth(17, 18))]:
        image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
        for name, (function, values) in functions.items():
            for value in values:
                # Whole numbers would make torchvision multiply bytes.
                result = function(image, value if name == "posterize" else float(value)).permute(1, 2, 0).numpy()
                cases.append({"name": name, "value": value, "source": source,
                              "pixels": text(result.tobytes())})
    return cases


def policy():
    """Operations of AutoAugment and RandAugment at one strength, and their magnitudes."""
    rand, auto = v2.RandAugment(), v2.AutoAugment()
    source = picture(12, 16)
    image = torch.from_numpy(source.copy()).permute(2, 0, 1)
    cases = []
    for name, (magnitudes, signed) in auto._AUGMENTATION_SPACE.items():
        values = magnitudes(31, 12, 16)
        for bin, sign in ((9, 1), (30, -1)):
            if values is None and bin != 9:
                continue
            magnitude = 0.0 if values is None else float(values[bin]) * (sign if signed else 1)
            result = rand._apply_image_or_video_transform(
                image, name, magnitude, v2.InterpolationMode.NEAREST, {torch.Tensor: None})
            cases.append({"name": name, "bin": bin, "magnitude": magnitude, "signed": signed,
                          "pixels": text(result.permute(1, 2, 0).numpy().tobytes())})
    table = [[[name, probability, bin or 0] for name, probability, bin in pair]
             for pair in auto._get_policies(AutoAugmentPolicy.IMAGENET)]
    return {
        "operations": cases,
        "imageNet": [[{"name": n, "probability": p, "bin": b} for n, p, b in pair]
                     for pair in table],
        "randAugment": list(rand._AUGMENTATION_SPACE),
    }


class ErasingDraws(Draws):
    def empty(self, count):
        draws = self

        class Empty:
            def uniform_(self, low, high):
                low, high = float(low), float(high)
                return torch.tensor(low + (high - low) * draws.next(), dtype=torch.float64)

        return Empty()


def erasing():
    generator = np.random.default_rng(3)
    transform = v2.RandomErasing(p=1)
    transform._log_ratio = transform._log_ratio.to(torch.float64)
    cases = []
    for _ in range(20):
        height, width = (int(v) for v in generator.integers(2, 200, 2))
        draws = generator.random(64).tolist()
        augment.torch = ErasingDraws(draws)
        region = transform.make_params([torch.zeros(3, height, width)])
        used = 64 - len(augment.torch.numbers)
        augment.torch = torch
        cases.append({
            "size": [height, width], "draws": draws[:used],
            "region": [] if region["v"] is None else [region[k] for k in "ijhw"],
        })
    return cases


if __name__ == "__main__":
    write("OTXDataTests", "augmentations.json", {
        "affine": affine(), "hsv": hsv(), "mosaic": mosaic(), "mixUp": mix_up(),
        "operations": operations(), "policy": policy(), "erasing": erasing(),
    })
