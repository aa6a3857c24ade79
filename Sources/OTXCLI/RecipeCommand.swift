import ArgumentParser
import Foundation
import OTXCore
import OTXRecipe

struct RecipeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipe",
    abstract: "Look at recipes.",
    subcommands: [Show.self, Schema.self]
  )

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print a recipe with every key filled."
    )

    @Argument(help: .init("The recipe.", valueName: "recipe"), completion: .recipes)
    var name: String

    @OptionGroup(title: "Results") var workspace: WorkspaceArguments
    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws {
      let library = RecipeLibrary(userDirectory: workspace.recipes)
      let recipe = try UsageError.unless { try library.recipe(name) }
      if output.json {
        Console.current.print(try JSONText.encoding(recipe))
      } else {
        Console.current.output(try recipe.yaml())
      }
    }
  }

  struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "schema",
      abstract: "Print the JSON schema of recipe files, for editors."
    )

    @OptionGroup(title: "Output") var output: OutputArguments

    func run() throws { Console.current.print(JSONText.verbatim(try RecipeSchema.json())) }
  }
}
