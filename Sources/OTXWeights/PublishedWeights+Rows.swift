import OTXCore

extension PublishedWeights {
  /// Every backbone's published weights, of a network the default first.
  ///
  /// Written by `Tools/weights/manifest.py` (torchvision 0.29.2, timm 1.0.31); not edited by hand.
  public static let all: [PublishedWeights] = [
    PublishedWeights(
      name: "resnet18",
      version: "IMAGENET1K_V1",
      fileName: "resnet18-f37072fd.pth",
      url: "https://download.pytorch.org/models/resnet18-f37072fd.pth",
      checksum: .sha256Prefix("f37072fd"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#resnet"
    ),
    PublishedWeights(
      name: "resnet34",
      version: "IMAGENET1K_V1",
      fileName: "resnet34-b627a593.pth",
      url: "https://download.pytorch.org/models/resnet34-b627a593.pth",
      checksum: .sha256Prefix("b627a593"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#resnet"
    ),
    PublishedWeights(
      name: "resnet50",
      version: "IMAGENET1K_V2",
      fileName: "resnet50-11ad3fa6.pth",
      url: "https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
      checksum: .sha256Prefix("11ad3fa6"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#issuecomment-1013906621"
    ),
    PublishedWeights(
      name: "resnet50",
      version: "IMAGENET1K_V1",
      fileName: "resnet50-0676ba61.pth",
      url: "https://download.pytorch.org/models/resnet50-0676ba61.pth",
      checksum: .sha256Prefix("0676ba61"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#resnet"
    ),
    PublishedWeights(
      name: "resnet101",
      version: "IMAGENET1K_V2",
      fileName: "resnet101-cd907fc2.pth",
      url: "https://download.pytorch.org/models/resnet101-cd907fc2.pth",
      checksum: .sha256Prefix("cd907fc2"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe"
    ),
    PublishedWeights(
      name: "resnet101",
      version: "IMAGENET1K_V1",
      fileName: "resnet101-63fe2227.pth",
      url: "https://download.pytorch.org/models/resnet101-63fe2227.pth",
      checksum: .sha256Prefix("63fe2227"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#resnet"
    ),
    PublishedWeights(
      name: "resnet152",
      version: "IMAGENET1K_V2",
      fileName: "resnet152-f82ba261.pth",
      url: "https://download.pytorch.org/models/resnet152-f82ba261.pth",
      checksum: .sha256Prefix("f82ba261"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe"
    ),
    PublishedWeights(
      name: "resnet152",
      version: "IMAGENET1K_V1",
      fileName: "resnet152-394f9c45.pth",
      url: "https://download.pytorch.org/models/resnet152-394f9c45.pth",
      checksum: .sha256Prefix("394f9c45"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#resnet"
    ),
    PublishedWeights(
      name: "resnext50_32x4d",
      version: "IMAGENET1K_V2",
      fileName: "resnext50_32x4d-1a0047aa.pth",
      url: "https://download.pytorch.org/models/resnext50_32x4d-1a0047aa.pth",
      checksum: .sha256Prefix("1a0047aa"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe"
    ),
    PublishedWeights(
      name: "resnext50_32x4d",
      version: "IMAGENET1K_V1",
      fileName: "resnext50_32x4d-7cdf4587.pth",
      url: "https://download.pytorch.org/models/resnext50_32x4d-7cdf4587.pth",
      checksum: .sha256Prefix("7cdf4587"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#resnext"
    ),
    PublishedWeights(
      name: "resnext101_32x8d",
      version: "IMAGENET1K_V2",
      fileName: "resnext101_32x8d-110c445d.pth",
      url: "https://download.pytorch.org/models/resnext101_32x8d-110c445d.pth",
      checksum: .sha256Prefix("110c445d"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe-with-fixres"
    ),
    PublishedWeights(
      name: "resnext101_32x8d",
      version: "IMAGENET1K_V1",
      fileName: "resnext101_32x8d-8ba56ff5.pth",
      url: "https://download.pytorch.org/models/resnext101_32x8d-8ba56ff5.pth",
      checksum: .sha256Prefix("8ba56ff5"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#resnext"
    ),
    PublishedWeights(
      name: "resnext101_64x4d",
      version: "IMAGENET1K_V1",
      fileName: "resnext101_64x4d-173b62eb.pth",
      url: "https://download.pytorch.org/models/resnext101_64x4d-173b62eb.pth",
      checksum: .sha256Prefix("173b62eb"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/pull/5935"
    ),
    PublishedWeights(
      name: "wide_resnet50_2",
      version: "IMAGENET1K_V2",
      fileName: "wide_resnet50_2-9ba9bcbe.pth",
      url: "https://download.pytorch.org/models/wide_resnet50_2-9ba9bcbe.pth",
      checksum: .sha256Prefix("9ba9bcbe"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe-with-fixres"
    ),
    PublishedWeights(
      name: "wide_resnet50_2",
      version: "IMAGENET1K_V1",
      fileName: "wide_resnet50_2-95faca4d.pth",
      url: "https://download.pytorch.org/models/wide_resnet50_2-95faca4d.pth",
      checksum: .sha256Prefix("95faca4d"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/pull/912#issue-445437439"
    ),
    PublishedWeights(
      name: "mobilenet_v2",
      version: "IMAGENET1K_V2",
      fileName: "mobilenet_v2-7ebf99e0.pth",
      url: "https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth",
      checksum: .sha256Prefix("7ebf99e0"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe-with-reg-tuning"
    ),
    PublishedWeights(
      name: "mobilenet_v2",
      version: "IMAGENET1K_V1",
      fileName: "mobilenet_v2-b0353104.pth",
      url: "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
      checksum: .sha256Prefix("b0353104"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#mobilenetv2"
    ),
    PublishedWeights(
      name: "mobilenet_v3_small",
      version: "IMAGENET1K_V1",
      fileName: "mobilenet_v3_small-047dcff4.pth",
      url: "https://download.pytorch.org/models/mobilenet_v3_small-047dcff4.pth",
      checksum: .sha256Prefix("047dcff4"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page:
        "https://github.com/pytorch/vision/tree/main/references/classification#mobilenetv3-large--small"
    ),
    PublishedWeights(
      name: "mobilenet_v3_large",
      version: "IMAGENET1K_V2",
      fileName: "mobilenet_v3_large-5c1a4163.pth",
      url: "https://download.pytorch.org/models/mobilenet_v3_large-5c1a4163.pth",
      checksum: .sha256Prefix("5c1a4163"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe-with-reg-tuning"
    ),
    PublishedWeights(
      name: "mobilenet_v3_large",
      version: "IMAGENET1K_V1",
      fileName: "mobilenet_v3_large-8738ca79.pth",
      url: "https://download.pytorch.org/models/mobilenet_v3_large-8738ca79.pth",
      checksum: .sha256Prefix("8738ca79"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page:
        "https://github.com/pytorch/vision/tree/main/references/classification#mobilenetv3-large--small"
    ),
    PublishedWeights(
      name: "efficientnet_b0",
      version: "IMAGENET1K_V1",
      fileName: "efficientnet_b0_rwightman-7f5810bc.pth",
      url: "https://download.pytorch.org/models/efficientnet_b0_rwightman-7f5810bc.pth",
      checksum: .sha256Prefix("7f5810bc"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v1"
    ),
    PublishedWeights(
      name: "efficientnet_b1",
      version: "IMAGENET1K_V2",
      fileName: "efficientnet_b1-c27df63c.pth",
      url: "https://download.pytorch.org/models/efficientnet_b1-c27df63c.pth",
      checksum: .sha256Prefix("c27df63c"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 240, width: 240),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe-with-lr-wd-crop-tuning"
    ),
    PublishedWeights(
      name: "efficientnet_b1",
      version: "IMAGENET1K_V1",
      fileName: "efficientnet_b1_rwightman-bac287d4.pth",
      url: "https://download.pytorch.org/models/efficientnet_b1_rwightman-bac287d4.pth",
      checksum: .sha256Prefix("bac287d4"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 240, width: 240),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v1"
    ),
    PublishedWeights(
      name: "efficientnet_b2",
      version: "IMAGENET1K_V1",
      fileName: "efficientnet_b2_rwightman-c35c1473.pth",
      url: "https://download.pytorch.org/models/efficientnet_b2_rwightman-c35c1473.pth",
      checksum: .sha256Prefix("c35c1473"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 288, width: 288),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v1"
    ),
    PublishedWeights(
      name: "efficientnet_b3",
      version: "IMAGENET1K_V1",
      fileName: "efficientnet_b3_rwightman-b3899882.pth",
      url: "https://download.pytorch.org/models/efficientnet_b3_rwightman-b3899882.pth",
      checksum: .sha256Prefix("b3899882"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 300, width: 300),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v1"
    ),
    PublishedWeights(
      name: "efficientnet_b4",
      version: "IMAGENET1K_V1",
      fileName: "efficientnet_b4_rwightman-23ab8bcd.pth",
      url: "https://download.pytorch.org/models/efficientnet_b4_rwightman-23ab8bcd.pth",
      checksum: .sha256Prefix("23ab8bcd"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 380, width: 380),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v1"
    ),
    PublishedWeights(
      name: "efficientnet_v2_s",
      version: "IMAGENET1K_V1",
      fileName: "efficientnet_v2_s-dd5fe13b.pth",
      url: "https://download.pytorch.org/models/efficientnet_v2_s-dd5fe13b.pth",
      checksum: .sha256Prefix("dd5fe13b"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 384, width: 384),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v2"
    ),
    PublishedWeights(
      name: "efficientnet_v2_m",
      version: "IMAGENET1K_V1",
      fileName: "efficientnet_v2_m-dc08266a.pth",
      url: "https://download.pytorch.org/models/efficientnet_v2_m-dc08266a.pth",
      checksum: .sha256Prefix("dc08266a"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 480, width: 480),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v2"
    ),
    PublishedWeights(
      name: "efficientnet_v2_l",
      version: "IMAGENET1K_V1",
      fileName: "efficientnet_v2_l-59c71312.pth",
      url: "https://download.pytorch.org/models/efficientnet_v2_l-59c71312.pth",
      checksum: .sha256Prefix("59c71312"),
      licence: "BSD-3-Clause",
      mean: [127.5, 127.5, 127.5],
      std: [127.5, 127.5, 127.5],
      inputSize: ImageSize(height: 480, width: 480),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#efficientnet-v2"
    ),
    PublishedWeights(
      name: "regnet_y_400mf",
      version: "IMAGENET1K_V2",
      fileName: "regnet_y_400mf-e6988f5f.pth",
      url: "https://download.pytorch.org/models/regnet_y_400mf-e6988f5f.pth",
      checksum: .sha256Prefix("e6988f5f"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe"
    ),
    PublishedWeights(
      name: "regnet_y_400mf",
      version: "IMAGENET1K_V1",
      fileName: "regnet_y_400mf-c65dace8.pth",
      url: "https://download.pytorch.org/models/regnet_y_400mf-c65dace8.pth",
      checksum: .sha256Prefix("c65dace8"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#small-models"
    ),
    PublishedWeights(
      name: "regnet_y_1_6gf",
      version: "IMAGENET1K_V2",
      fileName: "regnet_y_1_6gf-0d7bc02a.pth",
      url: "https://download.pytorch.org/models/regnet_y_1_6gf-0d7bc02a.pth",
      checksum: .sha256Prefix("0d7bc02a"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/issues/3995#new-recipe"
    ),
    PublishedWeights(
      name: "regnet_y_1_6gf",
      version: "IMAGENET1K_V1",
      fileName: "regnet_y_1_6gf-b11a554e.pth",
      url: "https://download.pytorch.org/models/regnet_y_1_6gf-b11a554e.pth",
      checksum: .sha256Prefix("b11a554e"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#small-models"
    ),
    PublishedWeights(
      name: "convnext_tiny",
      version: "IMAGENET1K_V1",
      fileName: "convnext_tiny-983f1562.pth",
      url: "https://download.pytorch.org/models/convnext_tiny-983f1562.pth",
      checksum: .sha256Prefix("983f1562"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#convnext"
    ),
    PublishedWeights(
      name: "convnext_small",
      version: "IMAGENET1K_V1",
      fileName: "convnext_small-0c510722.pth",
      url: "https://download.pytorch.org/models/convnext_small-0c510722.pth",
      checksum: .sha256Prefix("0c510722"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#convnext"
    ),
    PublishedWeights(
      name: "convnext_base",
      version: "IMAGENET1K_V1",
      fileName: "convnext_base-6075fbad.pth",
      url: "https://download.pytorch.org/models/convnext_base-6075fbad.pth",
      checksum: .sha256Prefix("6075fbad"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#convnext"
    ),
    PublishedWeights(
      name: "shufflenet_v2_x0_5",
      version: "IMAGENET1K_V1",
      fileName: "shufflenetv2_x0.5-f707e7126e.pth",
      url: "https://download.pytorch.org/models/shufflenetv2_x0.5-f707e7126e.pth",
      checksum: .sha256Prefix("f707e7126e"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/ericsun99/Shufflenet-v2-Pytorch"
    ),
    PublishedWeights(
      name: "shufflenet_v2_x1_0",
      version: "IMAGENET1K_V1",
      fileName: "shufflenetv2_x1-5666bf0f80.pth",
      url: "https://download.pytorch.org/models/shufflenetv2_x1-5666bf0f80.pth",
      checksum: .sha256Prefix("5666bf0f80"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/ericsun99/Shufflenet-v2-Pytorch"
    ),
    PublishedWeights(
      name: "shufflenet_v2_x1_5",
      version: "IMAGENET1K_V1",
      fileName: "shufflenetv2_x1_5-3c479a10.pth",
      url: "https://download.pytorch.org/models/shufflenetv2_x1_5-3c479a10.pth",
      checksum: .sha256Prefix("3c479a10"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/pull/5906"
    ),
    PublishedWeights(
      name: "shufflenet_v2_x2_0",
      version: "IMAGENET1K_V1",
      fileName: "shufflenetv2_x2_0-8be3c8ee.pth",
      url: "https://download.pytorch.org/models/shufflenetv2_x2_0-8be3c8ee.pth",
      checksum: .sha256Prefix("8be3c8ee"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/pull/5906"
    ),
    PublishedWeights(
      name: "densenet121",
      version: "IMAGENET1K_V1",
      fileName: "densenet121-a639ec97.pth",
      url: "https://download.pytorch.org/models/densenet121-a639ec97.pth",
      checksum: .sha256Prefix("a639ec97"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/pull/116"
    ),
    PublishedWeights(
      name: "swin_t",
      version: "IMAGENET1K_V1",
      fileName: "swin_t-704ceda3.pth",
      url: "https://download.pytorch.org/models/swin_t-704ceda3.pth",
      checksum: .sha256Prefix("704ceda3"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#swintransformer"
    ),
    PublishedWeights(
      name: "swin_s",
      version: "IMAGENET1K_V1",
      fileName: "swin_s-5e29d889.pth",
      url: "https://download.pytorch.org/models/swin_s-5e29d889.pth",
      checksum: .sha256Prefix("5e29d889"),
      licence: "BSD-3-Clause",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/pytorch/vision/tree/main/references/classification#swintransformer"
    ),
    PublishedWeights(
      name: "mobilenetv4_conv_small",
      version: "e2400_r224_in1k",
      fileName: "mobilenetv4_conv_small.e2400_r224_in1k.safetensors",
      url:
        "https://huggingface.co/timm/mobilenetv4_conv_small.e2400_r224_in1k/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://huggingface.co/timm/mobilenetv4_conv_small.e2400_r224_in1k"
    ),
    PublishedWeights(
      name: "vit_tiny",
      version: "augreg_in21k_ft_in1k",
      fileName: "vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors",
      url:
        "https://huggingface.co/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      mean: [127.5, 127.5, 127.5],
      std: [127.5, 127.5, 127.5],
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://huggingface.co/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    ),
    PublishedWeights(
      name: "vit_small",
      version: "augreg_in21k_ft_in1k",
      fileName: "vit_small_patch16_224.augreg_in21k_ft_in1k.safetensors",
      url:
        "https://huggingface.co/timm/vit_small_patch16_224.augreg_in21k_ft_in1k/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      mean: [127.5, 127.5, 127.5],
      std: [127.5, 127.5, 127.5],
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://huggingface.co/timm/vit_small_patch16_224.augreg_in21k_ft_in1k"
    ),
    PublishedWeights(
      name: "vit_base",
      version: "augreg2_in21k_ft_in1k",
      fileName: "vit_base_patch16_224.augreg2_in21k_ft_in1k.safetensors",
      url:
        "https://huggingface.co/timm/vit_base_patch16_224.augreg2_in21k_ft_in1k/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      mean: [127.5, 127.5, 127.5],
      std: [127.5, 127.5, 127.5],
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://huggingface.co/timm/vit_base_patch16_224.augreg2_in21k_ft_in1k"
    ),
    PublishedWeights(
      name: "deit_tiny",
      version: "fb_in1k",
      fileName: "deit_tiny_patch16_224.fb_in1k.safetensors",
      url:
        "https://huggingface.co/timm/deit_tiny_patch16_224.fb_in1k/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://huggingface.co/timm/deit_tiny_patch16_224.fb_in1k"
    ),
    PublishedWeights(
      name: "deit_small",
      version: "fb_in1k",
      fileName: "deit_small_patch16_224.fb_in1k.safetensors",
      url:
        "https://huggingface.co/timm/deit_small_patch16_224.fb_in1k/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://huggingface.co/timm/deit_small_patch16_224.fb_in1k"
    ),
    PublishedWeights(
      name: "deit_base",
      version: "fb_in1k",
      fileName: "deit_base_patch16_224.fb_in1k.safetensors",
      url:
        "https://huggingface.co/timm/deit_base_patch16_224.fb_in1k/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://huggingface.co/timm/deit_base_patch16_224.fb_in1k"
    ),
    PublishedWeights(
      name: "dinov2_small",
      version: "lvd142m",
      fileName: "vit_small_patch14_dinov2.lvd142m.safetensors",
      url:
        "https://huggingface.co/timm/vit_small_patch14_dinov2.lvd142m/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 518, width: 518),
      classCount: 0,
      page: "https://huggingface.co/timm/vit_small_patch14_dinov2.lvd142m"
    ),
    PublishedWeights(
      name: "dinov2_base",
      version: "lvd142m",
      fileName: "vit_base_patch14_dinov2.lvd142m.safetensors",
      url:
        "https://huggingface.co/timm/vit_base_patch14_dinov2.lvd142m/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 518, width: 518),
      classCount: 0,
      page: "https://huggingface.co/timm/vit_base_patch14_dinov2.lvd142m"
    ),
    PublishedWeights(
      name: "dinov2_small_reg",
      version: "lvd142m",
      fileName: "vit_small_patch14_reg4_dinov2.lvd142m.safetensors",
      url:
        "https://huggingface.co/timm/vit_small_patch14_reg4_dinov2.lvd142m/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 518, width: 518),
      classCount: 0,
      page: "https://huggingface.co/timm/vit_small_patch14_reg4_dinov2.lvd142m"
    ),
    PublishedWeights(
      name: "dinov2_base_reg",
      version: "lvd142m",
      fileName: "vit_base_patch14_reg4_dinov2.lvd142m.safetensors",
      url:
        "https://huggingface.co/timm/vit_base_patch14_reg4_dinov2.lvd142m/resolve/main/model.safetensors",
      checksum: .unpublished,
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 518, width: 518),
      classCount: 0,
      page: "https://huggingface.co/timm/vit_base_patch14_reg4_dinov2.lvd142m"
    ),
    PublishedWeights(
      name: "cspnext_tiny",
      version: "rsb_imagenet",
      fileName: "cspnext-tiny_imagenet_600e-3a2dd350.pth",
      url:
        "https://download.openmmlab.com/mmdetection/v3.0/rtmdet/cspnext_rsb_pretrain/cspnext-tiny_imagenet_600e-3a2dd350.pth",
      checksum: .sha256Prefix("3a2dd350"),
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/open-mmlab/mmdetection/tree/main/configs/rtmdet"
    ),
    PublishedWeights(
      name: "cspnext_s",
      version: "rsb_imagenet",
      fileName: "cspnext-s_imagenet_600e-ea671761.pth",
      url:
        "https://download.openmmlab.com/mmdetection/v3.0/rtmdet/cspnext_rsb_pretrain/cspnext-s_imagenet_600e-ea671761.pth",
      checksum: .sha256Prefix("ea671761"),
      licence: "Apache-2.0",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://github.com/open-mmlab/mmdetection/tree/main/configs/rtmdet"
    ),
    PublishedWeights(
      name: "cspdarknet_tiny",
      version: "yolox_coco",
      fileName: "yolox_tiny.pth",
      url:
        "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_tiny.pth",
      checksum: .unpublished,
      licence: "Apache-2.0",
      mean: [0, 0, 0],
      std: [1, 1, 1],
      inputSize: ImageSize(height: 416, width: 416),
      classCount: 0,
      page: "https://github.com/Megvii-BaseDetection/YOLOX"
    ),
    PublishedWeights(
      name: "cspdarknet_s",
      version: "yolox_coco",
      fileName: "yolox_s.pth",
      url: "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_s.pth",
      checksum: .unpublished,
      licence: "Apache-2.0",
      mean: [0, 0, 0],
      std: [1, 1, 1],
      inputSize: ImageSize(height: 640, width: 640),
      classCount: 0,
      page: "https://github.com/Megvii-BaseDetection/YOLOX"
    ),
    PublishedWeights(
      name: "yolox_tiny",
      version: "coco",
      fileName: "yolox_tiny.pth",
      url:
        "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_tiny.pth",
      checksum: .unpublished,
      licence: "Apache-2.0",
      mean: [0, 0, 0],
      std: [1, 1, 1],
      inputSize: ImageSize(height: 416, width: 416),
      classCount: 80,
      page: "https://github.com/Megvii-BaseDetection/YOLOX"
    ),
    PublishedWeights(
      name: "yolox_s",
      version: "coco",
      fileName: "yolox_s.pth",
      url: "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_s.pth",
      checksum: .unpublished,
      licence: "Apache-2.0",
      mean: [0, 0, 0],
      std: [1, 1, 1],
      inputSize: ImageSize(height: 640, width: 640),
      classCount: 80,
      page: "https://github.com/Megvii-BaseDetection/YOLOX"
    ),
    PublishedWeights(
      name: "osnet_x1_0",
      version: "imagenet",
      fileName: "osnet_x1_0_imagenet.pth",
      url: "https://huggingface.co/kaiyangzhou/osnet/resolve/main/osnet_x1_0_imagenet.pth",
      checksum: .unpublished,
      licence: "MIT",
      inputSize: ImageSize(height: 256, width: 128),
      classCount: 1000,
      page: "https://huggingface.co/kaiyangzhou/osnet"
    ),
  ]
}
