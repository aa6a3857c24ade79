import ArgumentParser
import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXModels
import OTXRecipe

/// The auto-configurator on a dataset of many pictures: headers are read, none is decoded.
struct Configuring: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "configure",
    abstract: "Looks at a dataset of many pictures, drawn here, and decides: seconds."
  )

  @Option(help: "Pictures.")
  var items = 10_000

  @Option(help: "The seconds that it may take.")
  var limit = 10.0

  func run() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "otx-configure-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try draw(in: folder)
    var isSlow = false
    for name in ["boxes", "labels"] {
      let location = DataLocation.root(folder.appending(path: name), format: nil)
      let start = ContinuousClock.now
      let dataset = try DatasetReader.read(location)
      let read = ContinuousClock.now
      let profile = dataset.profile()
      let counted = ContinuousClock.now
      let (recipe, decisions) = try AutoConfigurator(models: ModelZoo.descriptors)
        .configure(profile: profile)
      let end = ContinuousClock.now
      let seconds = (end - start) / .seconds(1)
      isSlow = isSlow || seconds > limit
      print(
        "\(dataset.format), \(items) pictures: \(fixed(seconds, 2)) s (reading \(fixed((read - start) / .seconds(1), 2)), counting \(fixed((counted - read) / .seconds(1), 2)), deciding \(fixed((end - counted) / .seconds(1), 3))); \(recipe.model.name), \(decisions.count) decisions"
      )
    }
    if isSlow { throw ExitCode(1) }
  }

  /// Hard links to a few pictures of 640x480, with six boxes each, or in a folder for each label.
  private func draw(in folder: URL) throws {
    let manager = FileManager.default
    let pictures = folder.appending(path: "boxes/images")
    try manager.createDirectory(at: pictures, withIntermediateDirectories: true)
    for label in 0..<20 {
      try manager.createDirectory(
        at: folder.appending(path: "labels/train/label_\(label)"),
        withIntermediateDirectories: true
      )
    }
    var sources: [URL] = []
    for number in 0...items / 10_000 + 4 {
      let size = ImageSize(height: 480, width: 640)
      let file = folder.appending(path: "\(number).jpg")
      try Data(ImageFile.jpeg(Image(size: size, red: UInt8(number % 256)))).write(to: file)
      sources.append(file)
    }
    var images: [String] = []
    var annotations: [String] = []
    for number in 0..<items {
      let source = sources[number % sources.count]
      let name = "\(number).jpg"
      try manager.linkItem(at: source, to: pictures.appending(path: name))
      let label = folder.appending(path: "labels/train/label_\(number % 20)/\(name)")
      try manager.linkItem(at: source, to: label)
      images.append(#"{"id":\#(number),"file_name":"\#(name)","height":480,"width":640}"#)
      for box in 0..<6 {
        let (x, y, side) = (box * 90, (number * 7 + box * 31) % 300, 30 + (number + box) % 90)
        annotations.append(
          #"{"id":\#(6 * number + box),"image_id":\#(number),"category_id":\#(box % 3),"bbox":[\#(x),\#(y),\#(side),\#(side)],"area":\#(side * side),"iscrowd":0}"#
        )
      }
    }
    let categories = (0..<3).map { #"{"id":\#($0),"name":"kind \#($0)"}"# }
    let text =
      #"{"images":[\#(images.joined(separator: ","))],"annotations":[\#(annotations.joined(separator: ","))],"categories":[\#(categories.joined(separator: ","))]}"#
    let place = folder.appending(path: "boxes/annotations")
    try manager.createDirectory(at: place, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: place.appending(path: "instances_train.json"))
    try manager.moveItem(at: pictures, to: folder.appending(path: "boxes/train"))
    try manager.createDirectory(at: pictures, withIntermediateDirectories: true)
    try manager.moveItem(
      at: folder.appending(path: "boxes/train"),
      to: pictures.appending(path: "train")
    )
  }
}
