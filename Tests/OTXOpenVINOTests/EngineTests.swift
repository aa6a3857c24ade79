import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXOpenVINO

@Suite("The OpenVINO engine")
struct EngineTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var precise: EngineOptions {
    var options = EngineOptions()
    options.precision = .fp32
    return options
  }

  @Test func normalisesBytesAsTheInformationSays() async throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    let engine = try OpenVINOEngine<MultiClassClassification>(
      reading: exported.xml,
      options: precise
    )
    let batch = try SampleModels.classificationBatch(count: 2)
    let outputs = try await engine.outputs(batch)

    // The same pictures, normalised here, through the graph without preprocessing.
    let (count, height, width) = (2, 32, 32)
    var planes = [Float](repeating: 0, count: count * 3 * height * width)
    for image in 0..<count {
      for pixel in 0..<height * width {
        for channel in 0..<3 {
          let byte = batch.images.pixels[(image * height * width + pixel) * 3 + channel]
          planes[(image * 3 + channel) * height * width + pixel] =
            (Float(byte) - Preprocessing.imageNetMean[channel])
            / Preprocessing.imageNetStd[channel]
        }
      }
    }
    let expected = try OpenVINOModel(compiling: SampleGraphs.classifier())
      .run([ArrayBuffer(planes, shape: [count, 3, height, width])])
    expectClose(outputs["logits"]?.values ?? [], expected["logits"]?.values ?? [], rtol: 1e-4)
  }

  @Test func predictsEachPictureAsInAnyBatch() async throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    let engine = try OpenVINOBackend().makeEngine(
      MultiClassClassification.self,
      from: .ir(exported.xml),
      options: precise
    )
    let single = try await engine.predict(SampleModels.classificationBatch(count: 1))
    let three = try await engine.predict(SampleModels.classificationBatch(count: 3))
    #expect(three.count == 3)
    expectClose(three[0].probabilities, single[0].probabilities, rtol: 1e-4)
    #expect(await engine.info == SampleModels.classifierInfo)
  }

  @Test func findsObjects() async throws {
    let exported = try OpenVINOExporter().export(
      graph: SampleGraphs.detector(),
      info: SampleModels.detectorInfo,
      to: folder.url
    )
    let engine = try OpenVINOEngine<Detection>(reading: exported.xml, options: precise)
    let batch = try SampleModels.detectionBatch(count: 3)
    let predictions = try await engine.predict(batch)
    for (index, prediction) in predictions.enumerated() {
      let expected = referenceDetections(SampleModels.image(batch.images.size, k: index))
      #expect(prediction.objects.count == expected.count)
      #expect(!expected.isEmpty)
      for (object, reference) in zip(prediction.objects, expected) {
        expectClose(object.score, reference.score)
        expectClose(object.box.x1, reference.box.x1)
        expectClose(object.box.y2, reference.box.y2)
      }
    }
  }

  /// What the sample detector finds, by the plain algorithm.
  private func referenceDetections(_ image: Image) -> [(box: BoundingBox, score: Float)] {
    let candidates = (0..<image.height * image.width).map { pixel in
      let (x, y) = (Float(image.pixels[3 * pixel]) / 32, Float(image.pixels[3 * pixel + 1]) / 32)
      return (
        box: BoundingBox(x1: x, y1: y, x2: x + 2.5, y2: y + 2.5),
        score: Float(image.pixels[3 * pixel + 2]) / 255
      )
    }
    var kept: [(box: BoundingBox, score: Float)] = []
    for candidate in candidates.sorted(by: { $0.score > $1.score })
    where !kept.contains(where: { $0.box.iou(candidate.box) > 0.5 }) {
      kept.append(candidate)
    }
    return kept.prefix(20).filter { $0.score > 0 }
      .map { (box: $0.box.clipped(to: image.size), score: $0.score) }
      .filter { $0.box.area > 0 }
  }

  @Test func runsModelsOfAFixedBatchSize() throws {
    let size = ImageSize(height: 8, width: 8)
    let images = try SampleModels.images(size, count: 3)
    let free = try OpenVINOModel(
      compiling: SampleGraphs.detector(),
      info: SampleModels.detectorInfo
    )
    for batchSize in [1, 2] {
      var graph = SampleGraphs.detector()
      graph.inputs[0].shape[0] = batchSize
      let fixed = try OpenVINOModel(compiling: graph, info: SampleModels.detectorInfo)
      #expect(try fixed.outputs(for: images) == free.outputs(for: images))
    }
  }

  @Test func isCalledFromManyTasks() async throws {
    let exported = try SampleModels.exportClassifier(to: folder.url)
    let engine = try OpenVINOEngine<MultiClassClassification>(
      reading: exported.xml,
      options: precise
    )
    let batch = try SampleModels.classificationBatch(count: 2)
    let expected = try await engine.predict(batch)
    let all = try await withThrowingTaskGroup(of: [MultiClassClassification.Prediction].self) {
      group in
      for _ in 0..<16 { group.addTask { try await engine.predict(batch) } }
      var all: [[MultiClassClassification.Prediction]] = []
      for try await predictions in group { all.append(predictions) }
      return all
    }
    #expect(all.count == 16)
    #expect(all.allSatisfy { $0 == expected })
  }

  @Test func obeysThePrecision() throws {
    for (precision, hint) in [(Precision.fp32, "f32"), (.bf16, "bf16")] {
      let model = try OpenVINOModel(compiling: SampleGraphs.classifier(), precision: precision)
      #expect(try model.property("INFERENCE_PRECISION_HINT") == hint)
    }
  }

  @Test func supportsOnlyIR() {
    let backend = OpenVINOBackend()
    #expect(backend.supports(.ir(URL(filePath: "/m.xml"))))
    #expect(!backend.supports(.checkpoint(URL(filePath: "/m.pth"))))
    #expect(throws: EngineError.self) {
      try backend.makeEngine(
        Detection.self,
        from: .checkpoint(URL(filePath: "/m.pth")),
        options: EngineOptions()
      )
    }
  }
}
