"""Reference decodes of TIFF, WebP and unusual PNG and JPEG files: Pillow, else OpenCV.

    python Tools/goldens/codecs.py

Files are tiny and stored whole, as base64. Needs tifffile and imagecodecs besides common.py's.
"""

import io

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageOps

from image import picture, saved, smooth, text, write


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def pillow(data):
    image = Image.open(io.BytesIO(data))
    return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def opencv(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def rgb_of(data):
    """Expected pixels computed here, where neither library says them."""
    return lambda _: data


def ycck():
    """Pillow writes CMYK; the same bytes with Adobe's transform flag 2 are YCCK."""
    data = bytearray(saved(Image.fromarray(smooth(10, 12)).convert("CMYK"), "JPEG", quality=95))
    place = data.index(b"Adobe")
    data[place + 11] = 2
    return bytes(data)


def cases():
    rgb, small = smooth(20, 26), picture(9, 11)
    grey = smooth(20, 26)[..., 0]
    deep = picture(6, 5).astype(np.uint16) * 251 + 77
    image = Image.fromarray(rgb)
    alpha = np.dstack([smooth(9, 11), picture(9, 11)[..., :1]])
    cmyk = np.dstack([smooth(9, 11), picture(9, 11)[..., :1] // 2])
    bits = picture(9, 19)[..., 0] > 128
    turned = {tag: tiff(smooth(6, 9), photometric="rgb", extratags=[(274, 3, 1, tag, True)])
              for tag in (3, 6)}
    floats = (smooth(7, 9) / np.float32(255)).astype(np.float32)
    exif = Image.Exif()
    exif[0x0112] = 6
    palette = image.quantize(4)
    frames = [Image.fromarray(smooth(9, 11)), Image.fromarray(picture(9, 11))]
    found = {
        "tiff-strips": (tiff(rgb, photometric="rgb", rowsperstrip=6), pillow, 0),
        "tiff-tiles": (tiff(np.tile(rgb, (1, 1, 1)), photometric="rgb", tile=(16, 16),
                            compression="deflate"), pillow, 0),
        "tiff-planar": (tiff(rgb.transpose(2, 0, 1).copy(), photometric="rgb",
                             planarconfig="separate", compression="deflate"), pillow, 0),
        "tiff-lzw-predictor": (tiff(rgb, photometric="rgb", compression="lzw", predictor=True),
                               pillow, 0),
        "tiff-deflate": (saved(image, "TIFF", compression="tiff_adobe_deflate"), pillow, 0),
        "tiff-packbits": (tiff(small, photometric="rgb", compression="packbits"), pillow, 0),
        "tiff-jpeg": (saved(image, "TIFF", compression="jpeg", quality=95), pillow, 2),
        "tiff-big-endian": (tiff(small, photometric="rgb", byteorder=">"), pillow, 0),
        "tiff-bigtiff": (tiff(small, photometric="rgb", bigtiff=True), pillow, 0),
        "tiff-grey": (tiff(grey, photometric="minisblack", compression="deflate"), pillow, 0),
        "tiff-white-is-zero": (tiff(grey, photometric="miniswhite", compression="deflate"),
                               rgb_of(np.repeat(255 - grey[..., None], 3, 2)), 0),
        "tiff-1-bit": (saved(Image.fromarray(bits), "TIFF"), pillow, 0),
        "tiff-1-bit-fax": (saved(Image.fromarray(bits), "TIFF", compression="group4"), pillow, 0),
        "tiff-palette": (saved(palette, "TIFF", compression="tiff_adobe_deflate"), pillow, 0),
        "tiff-16-bit": (tiff(deep, photometric="rgb"), opencv, 0),
        "tiff-16-bit-grey": (tiff(deep[..., 0].copy(), photometric="minisblack"), opencv, 0),
        "tiff-float": (tiff(floats, photometric="rgb"), rgb_of(smooth(7, 9)), 0),
        "tiff-float-planar": (tiff(floats.transpose(2, 0, 1).copy(), photometric="rgb",
                                   planarconfig="separate"), rgb_of(smooth(7, 9)), 0),
        "tiff-float-tiles": (tiff(np.ascontiguousarray(floats[..., 0]), photometric="minisblack",
                                  tile=(16, 16), compression="deflate"),
                             rgb_of(np.repeat(smooth(7, 9)[..., :1], 3, 2)), 0),
        "tiff-alpha": (tiff(alpha, photometric="rgb", extrasamples=["unassalpha"]), pillow, 0),
        "tiff-cmyk": (tiff(cmyk, photometric="separated"), pillow, 1),
        "tiff-two-pages": (tiff(np.stack([np.array(frame) for frame in frames]), photometric="rgb"),
                           pillow, 0),
        "tiff-orientation-3": (turned[3], pillow, 0),
        "tiff-orientation-6": (turned[6], pillow, 0),
        "webp-lossy": (saved(image, "WEBP", quality=90), pillow, 1),
        "webp-lossless": (saved(Image.fromarray(small), "WEBP", lossless=True), pillow, 0),
        "webp-alpha": (saved(Image.fromarray(alpha, "RGBA"), "WEBP", lossless=True, exact=True),
                       pillow, 0),
        "webp-lossy-alpha": (saved(Image.fromarray(alpha, "RGBA"), "WEBP", quality=90, exact=True),
                             pillow, 1),
        "webp-animated": (saved(frames[0], "WEBP", save_all=True, append_images=frames[1:],
                                lossless=True), pillow, 0),
        "webp-orientation-6": (saved(Image.fromarray(smooth(6, 9)), "WEBP", lossless=True,
                                     exif=exif), pillow, 0),
        "png-2-bit-palette": (saved(palette, "PNG", bits=2), pillow, 0),
        "png-16-bit-alpha": (cv2.imencode(".png", np.dstack([deep, deep[..., :1]]))[1].tobytes(),
                             opencv, 0),
        "jpeg-ycck": (ycck(), pillow, 2),
        "jpeg-cmyk-progressive": (saved(Image.fromarray(smooth(10, 12)).convert("CMYK"), "JPEG",
                                        quality=95, progressive=True), pillow, 2),
    }
    for name, (data, decode, tolerance) in found.items():
        if len(data) > 2500:
            print(name, len(data), "bytes: large")
        decoded = np.ascontiguousarray(decode(data))
        yield {
            "name": name, "file": text(data), "tolerance": tolerance,
            "height": decoded.shape[0], "width": decoded.shape[1],
            "pixels": text(decoded.tobytes()),
        }


def reduced():
    """JPEG decoded at a part of its size by the same library, through Pillow's draft mode."""
    data = saved(Image.fromarray(smooth(37, 51)), "JPEG", quality=92, subsampling=0)
    for divisor in (2, 4, 8):
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (51 // divisor, 37 // divisor))
        decoded = np.array(image)
        yield {
            "divisor": divisor, "file": text(data), "height": decoded.shape[0],
            "width": decoded.shape[1], "pixels": text(decoded.tobytes()),
        }


if __name__ == "__main__":
    write("OTXImageTests", "codecs.json", {"decoding": list(cases()), "reduced": list(reduced())})
