import Foundation
import PackagePlugin

/// Compiles the files of `Recipes/` into the program, so that they need no looking up at run time
/// and a new file is listed without a line of code.
@main
struct EmbedRecipes: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let root = context.package.directoryURL
    let directory = root.appending(path: "Recipes")
    let recipes = try FileManager.default
      .contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
    let script = root.appending(path: "Scripts/embed-recipes.sh")
    let output = context.pluginWorkDirectoryURL.appending(path: "BuiltInRecipes.swift")
    return [
      .buildCommand(
        displayName: "Embedding \(recipes.count) recipes",
        executable: URL(filePath: "/bin/sh"),
        arguments: [script.path, output.path] + recipes.map(\.path),
        inputFiles: [script] + recipes,
        outputFiles: [output]
      )
    ]
  }
}
