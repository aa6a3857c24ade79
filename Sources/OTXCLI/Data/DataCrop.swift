import ArgumentParser
import Foundation
import OTXCore
import OTXData

extension DataCommand {
  struct Crop: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "crop",
      abstract: "Cut out every annotated object as a picture of its own, to classify.",
      discussion: """
        otx data crop cells -o kinds        one picture an object, in a folder of its label

        Subsets stay as they are. Crowds, objects without a label and those that are too small are left
        out and named.
        """
    )

    @OptionGroup var arguments: DatasetArguments
    @OptionGroup var target: DatasetOutputArguments

    @Option(help: .init("Added around an object, in parts of its longer side.", valueName: "share"))
    var margin: Float = 0.1

    @Option(help: .init("Leave out objects with a shorter side, in pixels.", valueName: "pixels"))
    var minimumSide: Float = 8

    @Option(
      name: [.customLong("format"), .customLong("to")],
      help: .init("The format to write; 'otx data formats' lists them.", valueName: "name")
    )
    var format = "imagenet_with_subset_dirs"

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let log = ProgressReporter(console: .current, level: output.level)
      try target.check()
      let cropper = try UsageError.unless {
        try ObjectCropper(margin: margin, minimumSide: minimumSide)
      }
      let wanted = try UsageError.unless { try Formats.writable(named: format) }
      let crops = try cropper.crop(arguments.dataset(log))
      for line in crops.problems.summary { log.observe(.warning(line)) }
      var adapter = DatasetAdapter(to: wanted.forms(for: crops))
      let adapted = try adapter.adapt(crops)
      let written = try target.write(adapted, format: wanted.name, log: log)
      let count = adapted.items.values.reduce(0) { $0 + $1.count }
      if output.json {
        Console.current.print(
          JSONText.object([
            "path": .string(written.folder.path), "format": .string(written.format),
            "itemCount": .integer(count),
          ])
        )
      } else {
        Console.current.print("cut out \(count) objects into \(target.folder)")
      }
    }
  }
}
