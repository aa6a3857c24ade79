"""Reference results for OTXImage and OTXData: Pillow and OpenCV for pixels, torchvision for crops.

    python Tools/goldens/image.py

Pictures are small; whole files and whole results are stored, as base64.
"""

import base64
import io
import json

import cv2
import numpy as np
import torch
import torchvision.transforms.transforms as transforms
from PIL import Image, ImageOps

from common import REPOSITORY


def picture(height, width):
    """A picture that both languages compute: integers only."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((y * 7 + x * 13 + c * 71 + (y * x % 17) * 5) & 255).astype(np.uint8)


def smooth(height, width):
    """A picture that JPEG keeps well."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return np.clip(40 + y * 5 + x * (3 + c) + c * 20, 0, 255).astype(np.uint8)


def text(data):
    return base64.b64encode(bytes(data)).decode()


def saved(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def with_orientation(image, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, "JPEG", quality=95, subsampling=0, exif=exif)


def decoding():
    rgb = Image.fromarray(smooth(20, 26))
    alpha = Image.fromarray(np.dstack([smooth(9, 11), picture(9, 11)[..., :1]]), "RGBA")
    palette = rgb.quantize(16)
    deep = (picture(6, 5).astype(np.uint16) << 8) + 77
    files = {
        "jpeg-420": (saved(rgb, "JPEG", quality=92, subsampling=2), 1),
        "jpeg-444": (saved(rgb, "JPEG", quality=95, subsampling=0), 1),
        "jpeg-progressive": (saved(rgb, "JPEG", quality=90, progressive=True), 1),
        "jpeg-grey": (saved(rgb.convert("L"), "JPEG", quality=95), 0),
        "jpeg-cmyk": (saved(rgb.convert("CMYK"), "JPEG", quality=95), 2),
        "png-rgb": (saved(rgb, "PNG"), 0),
        "png-grey": (saved(rgb.convert("L"), "PNG"), 0),
        "png-1-bit": (saved(rgb.convert("1"), "PNG"), 0),
        "png-palette": (saved(palette, "PNG"), 0),
        "png-palette-4-bit": (saved(palette, "PNG", bits=4), 0),
        "png-palette-transparent": (saved(palette, "PNG", transparency=0), 0),
        "png-rgba": (saved(alpha, "PNG"), 0),
        "png-grey-alpha": (saved(alpha.convert("LA"), "PNG"), 0),
        "png-16-bit": (cv2.imencode(".png", deep[..., ::-1])[1].tobytes(), 0),
        "png-16-bit-grey": (cv2.imencode(".png", deep[..., 0])[1].tobytes(), 0),
        "bmp-24": (saved(rgb, "BMP"), 0),
        "bmp-32": (saved(alpha, "BMP"), 0),
        "bmp-8": (saved(palette, "BMP"), 0),
    }
    for orientation in range(1, 9):
        data = with_orientation(Image.fromarray(smooth(12, 20)), orientation)
        files[f"jpeg-orientation-{orientation}"] = (data, 1)
    cases = []
    for name, (data, tolerance) in files.items():
        if "16-bit" in name:
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        else:
            decoded = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
        cases.append({
            "name": name, "file": text(data), "tolerance": tolerance,
            "height": decoded.shape[0], "width": decoded.shape[1],
            "pixels": text(decoded.tobytes()),
        })
    return cases


def resizing():
    flags = {
        "bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "nearest": cv2.INTER_NEAREST,
        "bicubic": cv2.INTER_CUBIC,
    }
    cases = []
    for flag in flags:
        for source, target in [((13, 17), (24, 20)), ((32, 40), (9, 31)), ((30, 20), (15, 10))]:
            result = cv2.resize(picture(*source), target[::-1], interpolation=flags[flag])
            cases.append({
                "interpolation": flag, "source": source, "target": target,
                "pixels": text(result.tobytes()),
            })
    return cases


def distorting():
    """OpenCV's float pipeline: brightness, contrast, HSV, contrast."""
    cases = []
    for brightness, contrast, saturation, hue, first in [
        (20, 1, 1, 0, True), (-25, 1.4, 1, 0, True), (0, 0.6, 0.7, 0, False),
        (0, 1, 1.5, 15, True), (12, 1.2, 0.5, -18, False),
    ]:
        values = smooth(11, 14).astype(np.float32) + np.float32(brightness)
        if first:
            values = values * np.float32(contrast)
        if saturation != 1 or hue != 0:
            hsv = cv2.cvtColor(values, cv2.COLOR_RGB2HSV)
            hsv[..., 0] = (hsv[..., 0] + np.float32(hue)) % 360
            hsv[..., 1] *= np.float32(saturation)
            values = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        if not first:
            values = values * np.float32(contrast)
        result = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        cases.append({
            "brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue,
            "isContrastFirst": first, "pixels": text(result.tobytes()),
        })
    return cases


class Draws:
    """Stands in for `torch` inside torchvision: numbers come from a list."""

    def __init__(self, numbers):
        self.numbers = list(numbers)

    def __getattr__(self, name):
        return getattr(torch, name)

    def next(self):
        return self.numbers.pop(0)

    def empty(self, count):
        draws = self

        class Empty:
            def uniform_(self, low, high):
                low, high = float(low), float(high)
                return torch.tensor(low + (high - low) * draws.next(), dtype=torch.float64)

        return Empty()

    def randint(self, low, high, size):
        return torch.tensor(low + int(self.next() * (high - low)))


def crops():
    generator = np.random.default_rng(7)
    cases = []
    for number in range(40):
        height, width = (int(v) for v in generator.integers(8, 500, 2))
        scale = [0.08, 1.0] if number % 2 else [0.5, 1.0]
        ratio = [3 / 4, 4 / 3] if number % 4 else [0.5, 2.0]
        draws = generator.random(64).tolist()
        transforms.torch = Draws(draws)
        region = transforms.RandomResizedCrop.get_params(
            torch.zeros(3, height, width), scale, ratio)
        used = 64 - len(transforms.torch.numbers)
        cases.append({
            "height": height, "width": width, "scale": scale, "ratio": ratio,
            "draws": draws[:used], "region": [int(v) for v in region],
        })
    # Nothing fits: the fallback in the middle.
    for height, width in [(10, 300), (300, 10), (64, 64)]:
        draws = [0.9999, 0.0, 0.9999, 0.9999] * 10
        transforms.torch = Draws(draws)
        region = transforms.RandomResizedCrop.get_params(
            torch.zeros(3, height, width), [3.0, 4.0], [3 / 4, 4 / 3])
        cases.append({
            "height": height, "width": width, "scale": [3.0, 4.0], "ratio": [3 / 4, 4 / 3],
            "draws": draws[:20], "region": [int(v) for v in region],
        })
    return cases


def write(target, name, value):
    path = REPOSITORY / "Tests" / target / "Goldens" / name
    path.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    write("OTXImageTests", "image.json", {
        "decoding": decoding(), "resizing": resizing(), "distorting": distorting(),
    })
    write("OTXDataTests", "crops.json", {"cases": crops()})
