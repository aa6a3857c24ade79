public import Foundation

/// A recorded network as a Python program that needs PyTorch alone: one line an operator.
///
/// `model.py` reads `weights.pth` beside it and prints the predictions for the pictures that it is
/// given, as `otx eval --json` does. It needs `torch`, `numpy` and `pillow`; `torchvision` for
/// detectors, whose suppression of boxes is an operator of that package.
public struct PyTorchProgram: Sendable {
  /// The text of `model.py`.
  public let source: String
  /// What `weights.pth` holds: every tensor of the graph that is not computed, by its path.
  public let weights: StateDictionary

  /// - Parameters:
  ///   - graph: From normalised pictures `[N, 3, H, W]` to the named outputs of `info`'s task.
  ///   - info: Labels, sizes and thresholds, which are printed into the program.
  /// - Throws: ``ModelError/exportFailed(_:)`` for a graph that cannot be printed, or a model that sees
  ///   pictures in tiles.
  public init(graph: OperatorGraph, info: ModelInfo) throws {
    guard info.tiling == nil else {
      throw ModelError.exportFailed(
        "a model that sees pictures in tiles is not written as a PyTorch program; export it for OpenVINO or as ONNX"
      )
    }
    var printer = PyTorchPrinter(graph)
    let network = try printer.function(named: "network")
    weights = StateDictionary(printer.weights.map { .init(name: $0.name, value: $0.array) })
    let usesVision = graph.nodes.contains { $0.operatorName.hasPrefix("torchvision::") }
    source =
      [
        PyTorchProgram.head(info, usesVision: usesVision), try PyTorchProgram.settings(info),
        network,
        PyTorchProgram.preparation, PyTorchProgram.predictions(info.task), PyTorchProgram.main,
      ].joined(separator: "\n\n\n") + "\n"
  }

  /// Writes `model.py` and `weights.pth` into `directory`, each in one step.
  ///
  /// - Returns: The two files.
  /// - Throws: ``FileError/cannotWrite(_:reason:)``.
  public func write(to directory: URL) throws -> (program: URL, weights: URL) {
    try Folder.make(directory)
    let files = (directory.appending(path: "model.py"), directory.appending(path: "weights.pth"))
    try CheckpointFile(state: weights).write(to: files.1)
    try AtomicFile.write(source, to: files.0)
    return files
  }

  private static func head(_ info: ModelInfo, usesVision: Bool) -> String {
    let packages = usesVision ? "torch torchvision numpy pillow" : "torch numpy pillow"
    let vision =
      usesVision ? "\n    import torchvision  # registers torch.ops.torchvision.nms" : ""
    return """
      \"""\(info.model.pythonComment), trained with OTX \(info.otxVersion.pythonComment).

      python model.py PICTURE ... prints what the model finds in pictures, or in those of folders, as JSON.
      Needs: pip install \(packages)
      \"""

      import argparse
      import json
      import os
      import sys

      try:
          import numpy
          import torch\(vision)
          from PIL import Image, ImageOps
      except ImportError as error:
          sys.exit(f"model.py needs a package that is not here ({error}): pip install \(packages)")
      """
  }

  /// What the model's description says, as Python constants.
  private static func settings(_ info: ModelInfo) throws -> String {
    let (size, preprocessing) = (info.preprocessing.inputSize, info.preprocessing)
    var lines = [
      "LABELS = \(try info.labels.names.python)",
      "# Height and width of the network's input.",
      "INPUT_SIZE = (\(size.height), \(size.width))",
      "RESIZE = \(try preprocessing.resize.rawValue.python)",
      "PAD_VALUE = \(preprocessing.padValue)",
      "# Of the channels red, green and blue, 0 to 255.",
      "MEAN = \(preprocessing.mean.python)", "STD = \(preprocessing.std.python)",
    ]
    switch info.task {
    case .multiLabelClassification:
      let thresholds = info.labels.names.indices.map { info.threshold(of: $0) }
      lines.append("# A label is shown above its threshold.")
      lines.append("THRESHOLDS = \(thresholds.python)")
    case .detection:
      lines.append("# Boxes are shown from this score on.")
      lines.append(
        "THRESHOLD = \([info.effectiveConfidenceThreshold].python.dropFirst().dropLast())"
      )
    case .hierarchicalClassification:
      let hierarchy = info.labels.effectiveHierarchy
      lines.append("# Labels that stand alone are shown above this probability.")
      lines.append(
        "THRESHOLD = \([info.effectiveConfidenceThreshold].python.dropFirst().dropLast())"
      )
      lines.append("# Where each group of labels begins and ends.")
      let ranges = hierarchy.ranges.map { "(\($0.lowerBound), \($0.upperBound))" }
      lines.append("GROUPS = [\(ranges.joined(separator: ", "))]")
      let parents = try hierarchy.parents.sorted { $0.key < $1.key }
        .map { "\(try $0.key.python): \(try $0.value.python)" }
      lines.append("PARENTS = {\(parents.joined(separator: ", "))}")
    case .multiClassClassification, .regression: break
    }
    return lines.joined(separator: "\n")
  }
}

extension String {
  /// As a literal of Python: JSON's is one.
  var python: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// Without what would end a comment or a doc string.
  var pythonComment: String {
    filter { !$0.isNewline && $0 != "\"" && $0 != "\\" }
  }
}

extension [String] {
  fileprivate var python: String {
    get throws { "[\(try map { try $0.python }.joined(separator: ", "))]" }
  }
}

extension [Float] {
  fileprivate var python: String { "[\(map { Double($0).python }.joined(separator: ", "))]" }
}

extension Double {
  /// As a literal of Python that reads as the same number.
  var python: String {
    if isNaN { return "float(\"nan\")" }
    return isInfinite ? "float(\"\(self < 0 ? "-" : "")inf\")" : "\(self)"
  }
}
