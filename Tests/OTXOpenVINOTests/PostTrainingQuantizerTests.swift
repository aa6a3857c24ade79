import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXOpenVINO

@Suite("Quantised models")
struct PostTrainingQuantizerTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var info: ModelInfo { SampleModels.classifierInfo }

  private func picture(_ k: Int) throws -> ImageBatch {
    try ImageBatch(stacking: [SampleModels.image(info.preprocessing.inputSize, k: k)])
  }

  private func quantizer(
    _ options: PostTrainingQuantizer.Options = .init()
  ) throws -> PostTrainingQuantizer {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    return try PostTrainingQuantizer(
      reading: exported.xml,
      preprocessing: info.preprocessing,
      options: options
    )
  }

  private func calibrate(_ quantizer: PostTrainingQuantizer, count: Int = 6) throws {
    try quantizer.calibrate {
      var next = 0
      return {
        guard next < count else { return nil }
        next += 1
        return try self.picture(next)
      }
    }
  }

  private func logits(_ url: URL) throws -> [[Double]] {
    let model = try OpenVINOModel(reading: url, preprocessing: info.preprocessing)
    return try (1...4).map { k in
      let output = try #require(try model.outputs(for: try picture(k))["logits"])
      return output.values.map(Double.init)
    }
  }

  @Test(arguments: [true, false]) func sayNearlyTheSame(_ isSymmetric: Bool) throws {
    var options = PostTrainingQuantizer.Options()
    options.isSymmetric = isSymmetric
    let quantizer = try quantizer(options)
    #expect(!quantizer.isCalibrated())
    try calibrate(quantizer)
    #expect(quantizer.isCalibrated())
    let url = folder.file("int8.xml")
    let layers = try quantizer.write(to: url, entries: [(["nncf", "quantization", "x"], "y")])
    #expect(layers.filter { $0.type == "Convolution" }.count == 2)
    let before = try logits(folder.file("openvino.xml"))
    let after = try logits(url)
    let span = before.joined().map(abs).max() ?? 1
    for (before, after) in zip(before, after) {
      #expect(before != after)
      expectClose(after, before, atol: 0.1 * span)
    }
    #expect(try ModelFiles.runtimeInfo(of: url, at: ["nncf", "quantization", "x"]) == "y")
    #expect(try ModelInfo(readingIR: url) == info)
    let sizes = try ["openvino.bin", "int8.bin"].map {
      try Data(contentsOf: folder.file($0)).count
    }
    #expect(sizes[1] < sizes[0] / 2)
  }

  @Test func biasesAreCorrected() throws {
    func error(_ corrects: Bool) throws -> Double {
      var options = PostTrainingQuantizer.Options()
      options.correctsBiases = corrects
      let quantizer = try quantizer(options)
      try calibrate(quantizer)
      let url = folder.file("corrected.xml")
      try quantizer.write(to: url)
      let (before, after) = (try logits(folder.file("openvino.xml")), try logits(url))
      // The mean over pictures of what each output is off.
      return (0..<3).reduce(0) { sum, label in
        sum + abs(zip(before, after).reduce(0) { $0 + $1.1[label] - $1.0[label] })
      }
    }
    #expect(try error(true) < error(false))
  }

  @Test func layersThatAreLeftOutStayReal() throws {
    let quantizer = try quantizer()
    let layers = quantizer.quantizedLayers()
    let first = try #require(layers.first { $0.type == "Convolution" })
    try calibrate(quantizer)
    #expect(!quantizer.quantizedLayers(without: [first]).contains(first))
    try calibrate(quantizer)
    let names = quantizer.quantizerNames(without: [first])
    #expect(!names.contains { $0.hasPrefix("\(first.name)/") })
    try quantizer.write(to: folder.file("part.xml"), without: [first])
    // Everything left out is the model as it was.
    try quantizer.write(to: folder.file("none.xml"), without: Set(layers))
    let (before, after) = (
      try logits(folder.file("openvino.xml")), try logits(folder.file("none.xml"))
    )
    for (before, after) in zip(before, after) { expectClose(after, before, rtol: 1e-3, atol: 1e-3) }
  }

  @Test func layersAreRankedByWhatTheyCost() throws {
    let quantizer = try quantizer()
    let layers = quantizer.quantizedLayers()
    try quantizer.calibrate(without: [[]] + layers.map { [$0] }) {
      var next = 0
      return {
        guard next < 4 else { return nil }
        next += 1
        return try self.picture(next)
      }
    }
    var done: [Int] = []
    let ranked = try quantizer.sensitivities(on: [try picture(1), try picture(2)]) { count, all in
      done.append(count)
      #expect(all == layers.count)
    }
    #expect(done == Array(1...layers.count))
    #expect(Set(ranked.map(\.layer)) == Set(layers))
    #expect(ranked.map(\.error) == ranked.map(\.error).sorted(by: >))
    #expect(try #require(ranked.first).error > 0)
  }

  @Test func aQuantisedModelIsRefused() throws {
    let quantizer = try quantizer()
    try calibrate(quantizer, count: 1)
    let url = folder.file("int8.xml")
    try quantizer.write(to: url)
    let error = #expect(throws: ModelError.self) {
      try PostTrainingQuantizer(
        reading: url,
        preprocessing: info.preprocessing,
        options: .init()
      )
    }
    #expect("\(try #require(error))".contains("already quantised"))
  }

  @Test func weightsAloneBecomeSmall() throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    let url = folder.file("weights.xml")
    #expect(try ModelFiles.writeCompressed(exported.xml, to: url) == 3)
    let half = folder.file("half.xml")
    try ModelFiles.writeHalf(exported.xml, to: half)
    let before = try logits(exported.xml)
    for (url, tolerance) in [(url, 0.05), (half, 0.005)] {
      try ModelFiles.verify(url)
      let span = before.joined().map(abs).max() ?? 1
      for (before, after) in zip(before, try logits(url)) {
        expectClose(after, before, atol: tolerance * span)
      }
    }
    #expect(throws: ModelError.self) {
      _ = try ModelFiles.writeCompressed(url, to: folder.file("again.xml"))
    }
  }

  @Test func whatIsIgnoredMustBeThere() throws {
    for (scope, word) in [("names", "conv9"), ("types", "Covolution"), ("patterns", "nothing.*")] {
      var options = PostTrainingQuantizer.Options()
      switch scope {
      case "names": options.ignored.names = [word]
      case "types": options.ignored.types = [word]
      default: options.ignored.patterns = [word]
      }
      let error = #expect(throws: ConfigurationError.self) { try self.quantizer(options) }
      #expect("\(try #require(error))".contains(word))
      options.ignored.validates = false
      _ = try quantizer(options)
    }
    var options = PostTrainingQuantizer.Options()
    options.ignored.types = ["Convolution"]
    #expect(try quantizer(options).quantizedLayers().allSatisfy { $0.type != "Convolution" })
    options.ignored.types = []
    options.ignored.patterns = ["("]
    #expect(throws: ConfigurationError.self) { try quantizer(options) }
  }

  @Test func aFileThatIsCutShortIsFound() throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    try ModelFiles.verify(exported.xml)
    let handle = try FileHandle(forWritingTo: exported.bin)
    try handle.truncate(atOffset: 100)
    try handle.close()
    #expect(throws: FileError.self) { try ModelFiles.verify(exported.xml) }
  }

  @Test func anotherProgramsModelLearnsWhatItIs() throws {
    let model = try ConvertedModel(converting: SampleGraphs.classifier(), name: "foreign")
    let url = folder.file("foreign.xml")
    try model.save(to: url, halfPrecision: false)
    #expect(throws: ModelError.self) { _ = try ModelInfo(readingIR: url) }
    let described = folder.file("described.xml")
    try ModelFiles.describe(
      url,
      task: .multiClassClassification,
      labels: ["a", "b", "c"],
      to: described
    )
    let info = try ModelInfo(readingIR: described)
    #expect(info.task == .multiClassClassification && info.labels.names == ["a", "b", "c"])
    #expect(info.preprocessing.inputSize == ImageSize(height: 32, width: 32))
  }
}
