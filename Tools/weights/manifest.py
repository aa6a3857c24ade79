"""The published weights of every backbone: writes `Sources/OTXWeights/PublishedWeights+Rows.swift`.

    ENV/bin/python Tools/weights/manifest.py

needs torchvision and timm; nothing is downloaded. The facts are torchvision's (`get_weight`) and timm's
(`pretrained_cfg`). A new backbone needs one row.
"""

import dataclasses
import pathlib
import re
import sys

import timm
import torchvision

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
OUT = REPOSITORY / "Sources/OTXWeights/PublishedWeights+Rows.swift"

# Name in the zoo, and the enum of torchvision; its default comes first, its other versions follow.
TORCHVISION = {
    "resnet18": "ResNet18_Weights",
    "resnet34": "ResNet34_Weights",
    "resnet50": "ResNet50_Weights",
    "resnet101": "ResNet101_Weights",
    "resnet152": "ResNet152_Weights",
    "resnext50_32x4d": "ResNeXt50_32X4D_Weights",
    "resnext101_32x8d": "ResNeXt101_32X8D_Weights",
    "resnext101_64x4d": "ResNeXt101_64X4D_Weights",
    "wide_resnet50_2": "Wide_ResNet50_2_Weights",
    "mobilenet_v2": "MobileNet_V2_Weights",
    "mobilenet_v3_small": "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large": "MobileNet_V3_Large_Weights",
    "efficientnet_b0": "EfficientNet_B0_Weights",
    "efficientnet_b1": "EfficientNet_B1_Weights",
    "efficientnet_b2": "EfficientNet_B2_Weights",
    "efficientnet_b3": "EfficientNet_B3_Weights",
    "efficientnet_b4": "EfficientNet_B4_Weights",
    "efficientnet_v2_s": "EfficientNet_V2_S_Weights",
    "efficientnet_v2_m": "EfficientNet_V2_M_Weights",
    "efficientnet_v2_l": "EfficientNet_V2_L_Weights",
    "regnet_y_400mf": "RegNet_Y_400MF_Weights",
    "regnet_y_1_6gf": "RegNet_Y_1_6GF_Weights",
    "convnext_tiny": "ConvNeXt_Tiny_Weights",
    "convnext_small": "ConvNeXt_Small_Weights",
    "convnext_base": "ConvNeXt_Base_Weights",
    "shufflenet_v2_x0_5": "ShuffleNet_V2_X0_5_Weights",
    "shufflenet_v2_x1_0": "ShuffleNet_V2_X1_0_Weights",
    "shufflenet_v2_x1_5": "ShuffleNet_V2_X1_5_Weights",
    "shufflenet_v2_x2_0": "ShuffleNet_V2_X2_0_Weights",
    "densenet121": "DenseNet121_Weights",
    "swin_t": "Swin_T_Weights",
    "swin_s": "Swin_S_Weights",
}

# Name in the zoo, and timm's models with their tags, the default first.
TIMM = {
    "mobilenetv4_conv_small": ["mobilenetv4_conv_small.e2400_r224_in1k"],
    "vit_tiny": ["vit_tiny_patch16_224.augreg_in21k_ft_in1k"],
    "vit_small": ["vit_small_patch16_224.augreg_in21k_ft_in1k"],
    "vit_base": ["vit_base_patch16_224.augreg2_in21k_ft_in1k"],
    "deit_tiny": ["deit_tiny_patch16_224.fb_in1k"],
    "deit_small": ["deit_small_patch16_224.fb_in1k"],
    "deit_base": ["deit_base_patch16_224.fb_in1k"],
    "dinov2_small": ["vit_small_patch14_dinov2.lvd142m"],
    "dinov2_base": ["vit_base_patch14_dinov2.lvd142m"],
    "dinov2_small_reg": ["vit_small_patch14_reg4_dinov2.lvd142m"],
    "dinov2_base_reg": ["vit_base_patch14_reg4_dinov2.lvd142m"],
}

# Name in the zoo, and timm's conversion, whose notes name the original file: OpenMMLab's names are ours, and
# its file names end with the first digits of the SHA-256, too.
OPENMMLAB = {"cspnext_tiny": "cspnext_tiny.rsb_a1_in1k", "cspnext_s": "cspnext_s.rsb_a1_in1k"}


@dataclasses.dataclass
class Row:
    name: str
    version: str
    url: str
    licence: str
    page: str
    size: tuple
    classes: int
    mean: tuple = (0.485, 0.456, 0.406)
    std: tuple = (0.229, 0.224, 0.225)
    file: str = ""
    # Known digits of the SHA-256: all 64, the first 8, or none.
    digits: str = ""

    def swift(self):
        file = self.file or self.url.rsplit("/", 1)[1]
        checksum = {0: ".unpublished", 64: f'.sha256("{self.digits}")'}.get(
            len(self.digits), f'.sha256Prefix("{self.digits}")')
        rows = [
            f'name: "{self.name}"', f'version: "{self.version}"', f'fileName: "{file}"',
            f'url: "{self.url}"', f"checksum: {checksum}", f'licence: "{self.licence}"',
        ]
        if self.mean != Row.mean:
            rows.append(f"mean: [{numbers(self.mean)}]")
        if self.std != Row.std:
            rows.append(f"std: [{numbers(self.std)}]")
        rows += [
            f"inputSize: ImageSize(height: {self.size[0]}, width: {self.size[1]})",
            f"classCount: {self.classes}", f'page: "{self.page}"',
        ]
        return "    PublishedWeights(\n" + "".join(f"      {row},\n" for row in rows).rstrip(",\n") + "\n    ),\n"


def numbers(values):
    return ", ".join(f"{round(value * 255, 3):g}" for value in values)


# Those that come from elsewhere; the detectors' files hold their backbone.
OTHERS = [
    Row(name=f"cspdarknet_{size}", version="yolox_coco",
        url=f"https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/{file}.pth",
        licence="Apache-2.0", page="https://github.com/Megvii-BaseDetection/YOLOX", size=(side, side),
        classes=0, mean=(0, 0, 0), std=(1 / 255,) * 3)
    for size, file, side in [("tiny", "yolox_tiny", 416), ("s", "yolox_s", 640)]
] + [
    Row(name=f"yolox_{size}", version="coco",
        url=f"https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_{size}.pth",
        licence="Apache-2.0", page="https://github.com/Megvii-BaseDetection/YOLOX", size=(side, side),
        classes=80, mean=(0, 0, 0), std=(1 / 255,) * 3)
    for size, side in [("tiny", 416), ("s", 640)]
] + [
    Row(name="osnet_x1_0", version="imagenet",
        url="https://huggingface.co/kaiyangzhou/osnet/resolve/main/osnet_x1_0_imagenet.pth",
        licence="MIT", page="https://huggingface.co/kaiyangzhou/osnet", size=(256, 128), classes=1000),
]


def torchvision_rows(name, enum):
    versions = torchvision.models.get_weight(f"{enum}.DEFAULT"), *torchvision.models.get_weight(
        f"{enum}.DEFAULT").__class__
    told = []
    for weights in versions:
        if weights.name in told:
            continue
        told.append(weights.name)
        transform = weights.transforms()
        # The name ends with the first digits of the SHA-256 (torch.hub checks them so).
        digits = re.search(r"-([0-9a-f]{8,})\.pth$", weights.url).group(1)
        yield Row(name=name, version=weights.name, url=weights.url, licence="BSD-3-Clause",
                  page=weights.meta["recipe"] if weights.meta["recipe"].startswith("https://") else
                  "https://github.com/pytorch/vision", size=(transform.crop_size[0],) * 2,
                  classes=len(weights.meta["categories"]), mean=tuple(transform.mean),
                  std=tuple(transform.std), digits=digits)


def timm_rows(name, models):
    for model in models:
        facts = timm.get_pretrained_cfg(model)
        yield Row(name=name, version=facts.tag, file=f"{model}.safetensors",
                  url=f"https://huggingface.co/{facts.hf_hub_id}/resolve/main/model.safetensors",
                  licence={"apache-2.0": "Apache-2.0", "mit": "MIT"}[facts.license],
                  page=f"https://huggingface.co/{facts.hf_hub_id}", size=tuple(facts.input_size[1:]),
                  classes=facts.num_classes, mean=tuple(facts.mean), std=tuple(facts.std))


def openmmlab_row(name, model):
    facts = timm.get_pretrained_cfg(model)
    url = re.search(r"https://\S+\.pth", " ".join(facts.notes)).group(0)
    return Row(name=name, version="rsb_imagenet", url=url, licence="Apache-2.0", page=facts.origin_url,
               size=tuple(facts.input_size[1:]), classes=facts.num_classes, mean=tuple(facts.mean),
               std=tuple(facts.std), digits=re.search(r"-([0-9a-f]{8})\.pth$", url).group(1))


def main():
    rows = [row for item in TORCHVISION.items() for row in torchvision_rows(*item)]
    rows += [row for item in TIMM.items() for row in timm_rows(*item)]
    rows += [openmmlab_row(*item) for item in OPENMMLAB.items()]
    rows += OTHERS
    text = (
        "import OTXCore\n\n"
        "extension PublishedWeights {\n"
        "  /// Every backbone's published weights, of a network the default first.\n"
        "  ///\n"
        f"  /// Written by `Tools/weights/manifest.py` (torchvision {torchvision.__version__.split('+')[0]}, "
        f"timm {timm.__version__}); not edited by hand.\n"
        "  public static let all: [PublishedWeights] = [\n"
        + "".join(row.swift() for row in rows) + "  ]\n}\n"
    )
    OUT.write_text(text)
    print(f"{OUT.relative_to(REPOSITORY)}: {len(rows)} rows of {len({row.name for row in rows})} networks")


if __name__ == "__main__":
    sys.exit(main())
