import Foundation
package import OTXCore
import OTXImage
import OTXOpenVINO

/// Models in a row that look at pictures: the first at whole pictures, each further one at what the
/// one before it has found.
///
/// This is what `otx demo`, `otx-run`, the C library and servers share. Used from one thread at a
/// time.
package final class InferencePipeline {
  package let models: [DeployedModel]

  /// - Throws: ``InferenceError/usage(_:)`` when a model that is not the last finds nothing that has
  ///   a place.
  package init(_ models: [DeployedModel]) throws {
    guard !models.isEmpty else { throw InferenceError.usage("there is no model") }
    for model in models.dropLast() where !model.givesBoxes {
      throw InferenceError.usage(
        "\(model.url.path) is a model for \(model.info.task.kind.title): it finds no boxes that a "
          + "further model could look at, so it can only be the last"
      )
    }
    self.models = models
  }

  /// The same models for another thread.
  package init(sharing other: InferencePipeline) {
    models = other.models.map(DeployedModel.init(sharing:))
  }

  /// Looks at one picture and waits for the answer.
  ///
  /// - Parameters:
  ///   - image: The picture.
  ///   - name: What messages call it.
  ///   - threshold: What is less sure is left out; `nil`: the models' own thresholds.
  /// - Returns: What the models found.
  /// - Throws: ``ModelError``, ``OpenVINOError``, ``DataError``.
  package func findings(
    in image: Image,
    name: String,
    threshold: Float? = nil
  ) throws -> PictureFindings {
    try goOn(
      models[0].findings(in: image, name: name, threshold: threshold),
      image,
      name,
      from: 1,
      threshold: threshold
    )
  }

  /// A picture as the first model takes it; may be called on any thread.
  package func prepare(_ image: Image, name: String) throws -> PreparedPicture {
    try PreparedPicture(image, name: name, info: models[0].info)
  }

  /// Looks at pictures as they come, several at once, and hands the answers out in order.
  ///
  /// At most as many pictures are under way as the device works on at once, and one.
  ///
  /// - Parameters:
  ///   - next: The next picture, or one that could not be prepared and is only passed on; `nil`
  ///     after the last.
  ///   - image: The picture of an item.
  ///   - name: What messages call it.
  ///   - receive: Gets each item with what was found, `nil` for one that was only passed on.
  /// - Throws: What the closures throw, ``ModelError``, ``OpenVINOError``.
  package func run<Item>(
    _ next: () throws -> (item: Item, picture: PreparedPicture?)?,
    image: (Item) -> Image,
    name: (Item) -> String,
    _ receive: (Item, PictureFindings?) throws -> Void
  ) throws {
    var waiting: [Waiting<Item>] = []
    var batches: ArraySlice<PreparedPicture.Batch> = []
    func finishDone() throws {
      while let first = waiting.first, first.isDone {
        waiting.removeFirst()
        guard let picture = first.picture else {
          try receive(first.item, nil)
          continue
        }
        let findings = try models[0].findings(in: first.outputs, of: picture)
        try receive(
          first.item,
          goOn(findings, image(first.item), name(first.item), from: 1)
        )
      }
    }
    try models[0].network.run {
      while batches.isEmpty {
        guard let (item, picture) = try next() else { return nil as PreparedPicture.Batch? }
        waiting.append(Waiting(item: item, picture: picture))
        batches = picture?.batches[...] ?? []
        // What is only passed on must not wait for pictures that may never come.
        if picture == nil { try finishDone() }
      }
      return batches.removeFirst()
    } images: {
      $0.images
    } _: { _, outputs in
      guard let index = waiting.firstIndex(where: { !$0.isDone }) else { return }
      waiting[index].outputs.append(outputs)
      try finishDone()
    }
    try finishDone()
  }

  /// A picture that is under way.
  private struct Waiting<Item> {
    var item: Item
    var picture: PreparedPicture?
    var outputs: [[String: ModelOutput]] = []
    var isDone: Bool { outputs.count == picture?.batches.count ?? 0 }
  }

  /// Lets the further models look at what was found.
  private func goOn(
    _ findings: PictureFindings,
    _ image: Image,
    _ name: String,
    from index: Int,
    threshold: Float? = nil
  ) throws -> PictureFindings {
    guard index < models.count else { return findings }
    var result = findings
    result.inside = try findings.findings.map { finding in
      guard let region = finding.box.flatMap({ PixelRegion(covering: $0, in: image.size) }) else {
        return PictureFindings(findings: [], marks: [], summary: "nothing")
      }
      let part = try image.cropped(to: region)
      return try goOn(
        models[index].findings(in: part, name: name, threshold: threshold),
        part,
        name,
        from: index + 1,
        threshold: threshold
      )
    }
    return result
  }
}

extension PixelRegion {
  /// The whole pixels that a box touches; `nil` for a box outside the picture.
  init?(covering box: BoundingBox, in size: ImageSize) {
    guard box.isFinite else { return nil }
    let box = box.clipped(to: size)
    let (x1, y1) = (Int(box.x1.rounded(.down)), Int(box.y1.rounded(.down)))
    let (x2, y2) = (Int(box.x2.rounded(.up)), Int(box.y2.rounded(.up)))
    self.init(y: y1, x: x1, height: y2 - y1, width: x2 - x1)
    guard isInside(size) else { return nil }
  }
}
