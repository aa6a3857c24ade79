import Foundation

/// Other names under which a family's weights were published.
struct WeightRenaming: Sendable {
  /// For people: `DenseNet before torchvision 0.3`.
  var title: String
  /// The name by which the network knows the weight; the same where nothing is to change.
  var rename: @Sendable (String) -> String

  /// Tried in this order; that with which most weights meet is taken.
  static let all = [denseNet, visionTransformer, convNeXt]

  /// `denselayer1.norm.1.weight` became `denselayer1.norm1.weight` when module names could no longer
  /// contain dots; torchvision's own published files have the old names still.
  static let denseNet = WeightRenaming(title: "DenseNet's old names") { name in
    name.replacing(/(denselayer\d+\.(?:norm|relu|conv))\.([12])\./) { "\($0.1)\($0.2)." }
  }

  /// timm's ConvNeXt in torchvision's words.
  ///
  /// Stages and the layers between them are counted as one sequence there. Scales of `[C]` become
  /// `[C, 1, 1]` on their way.
  static let convNeXt = WeightRenaming(title: "timm's names of a ConvNeXt") { name in
    var name = name.replacing(/stem\.([01])\./) { "features.0.\($0.1)." }
    name = name.replacing(/stages\.(\d)\.(downsample|blocks)\./) { match in
      let stage = 2 * (Int(match.1) ?? 0)
      return "features.\(match.2 == "blocks" ? stage + 1 : stage)."
    }
    for (old, new) in [
      (".conv_dw.", ".block.0."), (".norm.", ".block.2."), (".mlp.fc1.", ".block.3."),
      (".mlp.fc2.", ".block.5."), (".gamma", ".layer_scale"), ("head.block.2.", "classifier.0."),
      ("head.norm.", "classifier.0."), ("head.fc.", "classifier.2."),
    ] {
      name = name.replacingOccurrences(of: old, with: new)
    }
    return name
  }

  /// torchvision's vision transformer in timm's words; the layout of all weights is the same.
  static let visionTransformer = WeightRenaming(title: "torchvision's names of a ViT") { name in
    var name = name.replacing(/encoder\.layers\.encoder_layer_(\d+)\./) { "blocks.\($0.1)." }
    for (old, new) in [
      (".ln_1.", ".norm1."), (".ln_2.", ".norm2."),
      (".self_attention.in_proj_", ".attn.qkv."), (".self_attention.out_proj.", ".attn.proj."),
      (".mlp.linear_1.", ".mlp.fc1."), (".mlp.linear_2.", ".mlp.fc2."), (".mlp.0.", ".mlp.fc1."),
      (".mlp.3.", ".mlp.fc2."), ("encoder.ln.", "norm."), ("encoder.pos_embedding", "pos_embed"),
      ("conv_proj.", "patch_embed.proj."), ("class_token", "cls_token"), ("heads.head.", "head."),
    ] {
      name = name.replacingOccurrences(of: old, with: new)
    }
    return name
  }
}
