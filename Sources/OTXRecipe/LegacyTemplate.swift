import Foundation
public import OTXCore
import Yams

/// A template of earlier versions of OTX, and the recipe that takes its place.
///
/// Ids, names and paths are those that `otx find --template` printed (OTX 1.x).
public struct LegacyTemplate: Sendable, Equatable {
  public var task: TaskType
  public var id: String
  public var name: String
  public var path: String
  /// The recipe's name.
  public var recipe: String

  /// Every template that has, or will have, a recipe here; in the order they were listed in.
  public static let all: [LegacyTemplate] = [
    LegacyTemplate(
      task: .detection,
      id: "Custom_Object_Detection_YOLOX",
      name: "YOLOX",
      path: "otx/algorithms/detection/configs/detection/cspdarknet_yolox/template.yaml",
      recipe: "yolox_tiny"
    ),
    LegacyTemplate(
      task: .detection,
      id: "Custom_Object_Detection_Gen3_SSD",
      name: "SSD",
      path: "otx/algorithms/detection/configs/detection/mobilenetv2_ssd/template.yaml",
      recipe: "ssd_mobilenetv2"
    ),
    LegacyTemplate(
      task: .detection,
      id: "Custom_Object_Detection_Gen3_ATSS",
      name: "ATSS",
      path: "otx/algorithms/detection/configs/detection/mobilenetv2_atss/template.yaml",
      recipe: "atss_mobilenetv2"
    ),
    LegacyTemplate(
      task: .multiClassClassification,
      id: "Custom_Image_Classification_MobileNet-V3-large-1x",
      name: "MobileNet-V3-large-1x",
      path: "otx/algorithms/classification/configs/mobilenet_v3_large_1_cls_incr/template.yaml",
      recipe: "mobilenet_v3_large"
    ),
    LegacyTemplate(
      task: .multiClassClassification,
      id: "Custom_Image_Classification_EfficinetNet-B0",
      name: "EfficientNet-B0",
      path: "otx/algorithms/classification/configs/efficientnet_b0_cls_incr/template.yaml",
      recipe: "efficientnet_b0"
    ),
    LegacyTemplate(
      task: .multiClassClassification,
      id: "Custom_Image_Classification_EfficientNet-V2-S",
      name: "EfficientNet-V2-S",
      path: "otx/algorithms/classification/configs/efficientnet_v2_s_cls_incr/template.yaml",
      recipe: "efficientnet_v2"
    ),
  ]

  /// The template whose id, or whose path in an old installation, is `reference`.
  static func template(for reference: String) -> LegacyTemplate? {
    if let template = all.first(where: { $0.id == reference }) { return template }
    let parts = reference.split(separator: "/")
    guard parts.count >= 2, parts.last == "template.yaml" else { return nil }
    let directory = parts[parts.count - 2]
    return all.first { $0.path.split(separator: "/").dropLast().last == directory }
  }

  /// What an edited `template.yaml` says, or `nil` where `file` is no template.
  ///
  /// - Throws: ``ConfigurationError`` for a parameter there is none of.
  static func overrides(in file: URL) throws -> (id: String, values: [RecipeOverride])? {
    guard let text = try? String(contentsOf: file, encoding: .utf8),
      text.contains("model_template_id"),
      let root = try parseYAML(text, source: file.relativePath)?.mapping,
      let id = root["model_template_id"]?.string
    else { return nil }
    let groups = root["hyper_parameters"]?.mapping?["parameter_overrides"]?.mapping
    var values: [RecipeOverride] = []
    for (group, parameters) in groups ?? [:] {
      for (parameter, settings) in parameters.mapping ?? [:] {
        guard let value = settings.mapping?["default_value"]?.string else { continue }
        let name = "\(group.string ?? "").\(parameter.string ?? "")"
        // An old template lists every default, also of what does not exist here.
        guard LegacyParameter.isSupported(name) else { continue }
        values += try LegacyParameter.overrides(
          name: name,
          value: value,
          source: file.relativePath
        )
      }
    }
    return (id, values)
  }
}
