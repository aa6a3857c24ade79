import Foundation
import PackagePlugin

/// Compiles the files of `Recipes/` into the program.
///
/// They need no looking up at run time, and a new file is listed without a line of code. Files of a folder in it are named with the
/// folder, `multi_label/resnet18`, and come after those that lie in none.
@main
struct EmbedRecipes: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let root = context.package.directoryURL
    let directory = root.appending(path: "Recipes").resolvingSymlinksInPath()
    func contents(_ folder: URL) throws -> [URL] {
      try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }
    let top = try contents(directory)
    let folders = top.filter { $0.pathExtension.isEmpty }
    let recipes = try (top + folders.flatMap(contents)).filter { $0.pathExtension == "yaml" }
    let script = root.appending(path: "Scripts/embed-recipes.sh")
    let output = context.pluginWorkDirectoryURL.appending(path: "BuiltInRecipes.swift")
    return [
      .buildCommand(
        displayName: "Embedding \(recipes.count) recipes",
        executable: URL(filePath: "/bin/sh"),
        arguments: [script.path, output.path, directory.path] + recipes.map(\.path),
        inputFiles: [script] + recipes,
        outputFiles: [output]
      ),
      try documentation(root, in: context.pluginWorkDirectoryURL),
    ]
  }

  /// What the sources say of the types that recipes are made of, for the schema and for help.
  private func documentation(_ root: URL, in folder: URL) throws -> Command {
    let sources = try [
      "OTXCore/Engine", "OTXCore/Data", "OTXRecipe", "OTXRecipe/Search",
    ].flatMap { name in
      let directory = root.appending(path: "Sources/\(name)").resolvingSymlinksInPath()
      return try FileManager.default
        .contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        .filter { $0.pathExtension == "swift" }
        .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }
    let script = root.appending(path: "Scripts/embed-recipe-keys.sh")
    let output = folder.appending(path: "SourceDocumentation.swift")
    return .buildCommand(
      displayName: "Embedding what recipe keys mean",
      executable: URL(filePath: "/bin/sh"),
      arguments: [script.path, output.path] + sources.map(\.path),
      inputFiles: [script] + sources,
      outputFiles: [output]
    )
  }
}
