import Foundation
import OTXCore
import OTXRecipe
import Testing

@testable import OTXCLI

/// Recipes made out of others, and out of data.
@Suite struct BuildTests {
  @Test func aBackboneUnderAModelIsAFewLines() async throws {
    let place = try Playground([])
    defer { place.remove() }
    let result = await otx(
      ["build", "--model", "atss_mobilenetv2", "--backbone", "mobilenet_v2"]
        + ["--work-dir", place.root.path]
    )
    #expect(result.status == 0, "\(result.errors)")
    let file = place.root.appending(path: "recipes/mobilenet_v2_model.yaml")
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text.split(separator: "\n").count == 5, "\(text)")
    let recipe = try Recipe(contentsOf: file)
    #expect(recipe.model == ModelOptions("atss_mobilenetv2", backbone: "mobilenet_v2"))
    let own = try RecipeLibrary.builtIn.recipe("atss_mobilenetv2")
    #expect(recipe.training == own.training)
    // By its name and by its file's, from any folder.
    let library = RecipeLibrary(userDirectory: place.root.appending(path: "recipes"))
    #expect(try library.recipe("mobilenet_v2_model") == recipe)
    #expect(try library.recipe("mobilenet_v2_model.yaml") == recipe)
  }

  /// What `otx build` wrote is a model by its name and by its file's.
  @Test(arguments: ["mobilenet_v2_model", "mobilenet_v2_model.yaml", "PATH"])
  func whatWasBuiltIsAModel(reference: String) async throws {
    let place = try Playground(["data/train/a/x.jpg"])
    defer { place.remove() }
    let words = ["build", "--model", "atss", "--backbone", "mobilenet_v2"]
    #expect(await otx(words + ["--work-dir", place.root.path]).status == 0)
    let file = place.root.appending(path: "recipes/mobilenet_v2_model.yaml").path
    let train = try #require(
      try Program.parse(
        ["train", "--model", reference == "PATH" ? file : reference]
          + [place.path("data"), "--work-dir", place.root.path]
      ) as? Train
    )
    let request = try train.request().recipe
    #expect(request.model == "atss_mobilenetv2" && request.task == .detection)
    let start = Recipe(name: "", task: .detection, model: ModelOptions("atss_mobilenetv2"))
    #expect(try start.applying(request.overrides).model.backbone == "mobilenet_v2")
  }

  @Test func writesOverNothingElse() async throws {
    let place = try Playground([])
    defer { place.remove() }
    let words = ["build", "--backbone", "mobilenet_v2", "--work-dir", place.root.path, "--model"]
    #expect(await otx(words + ["atss"]).status == 0)
    #expect(await otx(words + ["atss"]).status == 0)
    let refused = await otx(words + ["ssd"])
    #expect(refused.status == 1)
    #expect(refused.errors.contains("--overwrite"))
    let file = place.root.appending(path: "recipes/mobilenet_v2_model.yaml")
    #expect(try Recipe(contentsOf: file).model.name == "atss_mobilenetv2")
    #expect(await otx(words + ["ssd", "--overwrite"]).status == 0)
    #expect(try Recipe(contentsOf: file).model.name == "ssd_mobilenetv2")
  }

  @Test(arguments: [
    (["--model", "atss", "--backbone", "resnet18"], "backbone of atss_mobilenetv2"),
    (["--model", "atts", "--backbone", "mobilenet_v2"], "did you mean 'atss_mobilenetv2'"),
    (["--model", "atss"], "name a --backbone or a --recipe"),
    (["--backbone", "resnet18"], "--model"),
    (["--recipe", "atss_mobilenetv2"], "which --model"), ([], "nothing to build"),
    (["--recipe", "resnet18", "--model", "atss"], "unknown model"),
  ])
  func saysWhatIsWrong(words: [String], message: String) async throws {
    let place = try Playground([])
    defer { place.remove() }
    let result = await otx(["build"] + words + ["--work-dir", place.root.path])
    #expect(result.status == 64 || result.status == 1)
    #expect(result.errors.contains(message), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.root.appending(path: "recipes").path))
  }

  /// The best recipe for data, with the reason for each choice, trains as it is.
  @Test func dataGivesARecipe() async throws {
    let place = try Playground([])
    defer { place.remove() }
    let data = place.root.appending(path: "cells").path
    #expect(
      await otx(["data", "draw", data, "--train-count", "3", "--val-count", "1"]).status == 0
    )
    let file = place.root.appending(path: "best.yaml").path
    let result = await otx(["build", "--recipe", data, "-o", file, "--json", "--quiet"])
    #expect(result.status == 0, "\(result.errors)")
    let recipe = try Recipe(contentsOf: URL(filePath: file))
    #expect(recipe.name == "cells_recipe")
    #expect(recipe.task == .detection)
    let text = try String(contentsOf: URL(filePath: file), encoding: .utf8)
    #expect(text.contains("# Chosen from the data:\n#   task: DETECTION"))
  }

  /// Two programs that write one file at once leave the one's or the other's, whole.
  @Test func filesAreNeverMixed() async throws {
    let place = try Playground([])
    defer { place.remove() }
    let words = ["build", "--backbone", "mobilenet_v2", "--work-dir", place.root.path]
    let statuses = await withTaskGroup(of: Int32.self) { group in
      for index in 0..<12 {
        group.addTask {
          await otx(words + ["--overwrite", "--model", index % 2 == 0 ? "atss" : "ssd"]).status
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses == Array(repeating: 0, count: 12))
    let folder = place.root.appending(path: "recipes")
    let name = try Recipe(contentsOf: folder.appending(path: "mobilenet_v2_model.yaml")).model.name
    #expect(["atss_mobilenetv2", "ssd_mobilenetv2"].contains(name))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
  }

  @Test(arguments: ["/dev/null/x", "/proc/nothing"])
  func aPlaceThatCannotBeWrittenIsNamed(folder: String) async {
    let result = await otx(
      ["build", "--model", "atss", "--backbone", "mobilenet_v2", "--work-dir", folder]
    )
    #expect(result.status == 1)
    #expect(result.errors.contains(folder), "\(result.errors)")
  }
}
