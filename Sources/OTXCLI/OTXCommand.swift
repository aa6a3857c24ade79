public import ArgumentParser
import OTXCore

/// `otx` and the list of its commands.
public struct OTXCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "otx",
    abstract: "Train vision models on your pictures and run them anywhere.",
    discussion: """
      otx train --data-root FOLDER      choose a model for the data and train it
      otx eval CHECKPOINT FOLDER        score it on the test subset
      otx eval CHECKPOINT PICTURE       predict
      otx export CHECKPOINT             write it as an OpenVINO model
      otx optimize MODEL.xml FOLDER     quantise it, its score checked
      otx explain CHECKPOINT PICTURE    show what it looks at
      otx find                          list what can be trained
      otx build                         make a recipe: another backbone, the best for your data
      """,
    version: OTXVersion.current,
    subcommands: [
      Find.self, Build.self, Train.self, Eval.self, Export.self, Optimize.self, Deploy.self,
      Demo.self, Explain.self, BenchmarkCommand.self, Report.self, DataCommand.self,
      RecipeCommand.self, RunCommand.self, WeightsCommand.self, HPOCommand.self, Doctor.self,
      CacheCommand.self,
    ]
  )

  public init() {}

  /// Runs the process's own command line and ends the process.
  public static func main() async { await Program.main() }

  /// The commands by name, in the order of the help.
  static var commandNames: [String] {
    configuration.subcommands.map { $0.configuration.commandName ?? "" }
  }

  /// Second words, where the first takes one.
  static var secondWords: [String: [String]] {
    var words: [String: [String]] = [:]
    for command in configuration.subcommands {
      let names = command.configuration.subcommands.map { $0.configuration.commandName ?? "" }
      if !names.isEmpty { words[command.configuration.commandName ?? ""] = names }
    }
    return words
  }

  /// Words that stand for a command.
  static let otherWords = ["test": ["eval"], "predict": ["eval", "--predict"]]
}
