import Foundation
import OTXCore
import Testing

@testable import OTXRecipe

/// Recipes of the user's own, in whatever they are written.
@Suite struct WorkspaceRecipeTests {
  private let folder: URL
  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "otx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func write(_ text: String, _ name: String) throws {
    let file = folder.appending(path: name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(),
      withIntermediateDirectories: true
    )
    try Data(text.utf8).write(to: file)
  }

  private func names(_ library: RecipeLibrary) -> [String] {
    library.entries.filter { $0.file != nil }.map(\.name)
  }

  private static let yaml = """
    model: {name: resnet18}
    task: MULTI_CLASS_CLS
    maxEpochs: 7
    optimizer: {name: adamw, learningRate: 0.002}
    augmentations: [randomResizedCrop, {horizontalFlip: {probability: 0.25}}]
    data: {labels: {ignore: [a b, c]}}
    stages: [{name: one, maxEpochs: 2}, export]
    """
  private static let json = """
    {"model": {"name": "resnet18"}, "task": "MULTI_CLASS_CLS",
     "maxEpochs": 7, "optimizer": {"name": "adamw", "learningRate": 2e-3},
     "augmentations": ["randomResizedCrop", {"horizontalFlip": {"probability": 0.25}}],
     "data": {"labels": {"ignore": ["a b", "c"]}},
     "stages": [{"name": "one", "maxEpochs": 2}, "export"]}
    """
  private static let xml = """
    <?xml version="1.0"?>
    <recipe task="MULTI_CLASS_CLS">
      <model name="resnet18"/>
      <maxEpochs>7</maxEpochs>
      <!-- the rate that a colleague found -->
      <optimizer><name>adamw</name><learningRate>0.002</learningRate></optimizer>
      <augmentations>
        <item>randomResizedCrop</item>
        <item><horizontalFlip probability="0.25"/></item>
      </augmentations>
      <data><labels><ignore>a b</ignore><ignore>c</ignore></labels></data>
      <stages><item name="one" maxEpochs="2"/><item>export</item></stages>
    </recipe>
    """

  @Test func threeWaysToWriteOneRecipe() throws {
    try write(Self.yaml, "a.yaml")
    try write(Self.json, "b.json")
    try write(Self.xml, "c.xml")
    let library = RecipeLibrary(userDirectory: folder)
    #expect(library.problems.isEmpty, "\(library.problems)")
    #expect(names(library) == ["a", "b", "c"])
    let recipes = try ["a", "b", "c"].map { name in
      var recipe = try library.recipe(name)
      recipe.name = ""
      return recipe
    }
    #expect(recipes[0].training.maxEpochs == 7)
    #expect(recipes[0].data.labels.ignore == ["a b", "c"])
    #expect(recipes[0] == recipes[1])
    #expect(recipes[0] == recipes[2])
  }

  @Test(arguments: [
    ("a.yaml", "model: resnet18\nmaxEpochs: 3\noptimizer:\n  lerningRate: 0.1\n", 4),
    (
      "a.json",
      "{\"model\": \"resnet18\",\n\"maxEpochs\": 3,\n\"optimizer\": {\n\"lerningRate\": 1}}", 4
    ),
    (
      "a.xml",
      "<recipe>\n<model>resnet18</model>\n<optimizer>\n<lerningRate>1</lerningRate></optimizer></recipe>",
      4
    ),
  ])
  func unknownKeysAreNamedWithTheirLine(name: String, text: String, line: Int) throws {
    try write(text, name)
    let problem = try #require(RecipeLibrary(userDirectory: folder).problems.first)
    #expect(problem.line == line, "\(problem)")
    #expect(problem.reason.contains("did you mean 'learningRate'"), "\(problem)")
    #expect(problem.description.contains("\(name):\(line): unknown key 'optimizer.lerningRate'"))
  }

  @Test func whatIsNoRecipeIsReportedAndTheRestWorks() throws {
    try write("model: resnet18\nmaxEpochs: 3\n", "good.yaml")
    try write("", "empty.yaml")
    try write("a\0b", "binary.yaml")
    try Data([0xFF, 0xFE, 0x00, 0x80]).write(to: folder.appending(path: "bytes.yaml"))
    try write("x", "folder.yaml/inside.txt")
    try write("model: resnet18\n", "good.json")
    try write("<net name=\"x\"/>", "ir.xml")
    try write("<recipe><model>resnet18</recipe>", "torn.xml")
    try write("model: [", "cut.yaml")
    try write("model: nothing_of_this\n", "unknown.yaml")
    let library = RecipeLibrary(userDirectory: folder)
    // The first of two files of one name counts.
    #expect(names(library) == ["good"])
    let reasons = Dictionary(
      uniqueKeysWithValues: library.problems.map { ($0.file.lastPathComponent, $0.reason) }
    )
    let expected = [
      "empty.yaml": "empty", "binary.yaml": "no text", "bytes.yaml": "no text",
      "folder.yaml": "is a folder", "good.yaml": "has the same name", "ir.xml": "<net>",
      "torn.xml": "closes <model>", "cut.yaml": "not valid YAML",
      "unknown.yaml": "a recipe needs",
    ]
    #expect(Set(reasons.keys) == Set(expected.keys))
    for (file, words) in expected {
      #expect(reasons[file]?.contains(words) == true, "\(file): \(reasons[file] ?? "")")
    }
  }

  @Test func filesThatCameChangedOrWentAreNoticed() throws {
    let empty = RecipeLibrary(userDirectory: folder)
    #expect(names(empty).isEmpty)
    try write("model: resnet18\nmaxEpochs: 3\n", "a.yaml")
    let one = empty.refreshed()
    #expect(names(one) == ["a"])
    try write("model: resnet18\nmaxEpochs: 12\n", "a.yaml")
    try write("model: resnet18\nmaxEpochs: 4\n", "deeper/b.yaml")
    let two = one.refreshed()
    #expect(names(two) == ["a", "deeper/b"])
    #expect(try two.recipe("a").training.maxEpochs == 12)
    try FileManager.default.removeItem(at: folder.appending(path: "a.yaml"))
    #expect(names(two.refreshed()) == ["deeper/b"])
    let registry = Registry(models: [], library: one).refreshed()
    #expect(names(registry.library) == ["deeper/b"])
  }

  @Test func aFolderThatCannotBeReadIsSaid() throws {
    // What takes the folder's place cannot be listed.
    let file = folder.appending(path: "recipes")
    try Data().write(to: file)
    let library = RecipeLibrary(userDirectory: file)
    #expect(library.entries == RecipeLibrary.builtIn.entries)
    #expect(library.problems.map(\.file) == [file])
  }

  @Test func aFileMayHideARecipeOfOurs() throws {
    try write("model: resnet18\nmaxEpochs: 3\n", "resnet18.yaml")
    let library = RecipeLibrary(userDirectory: folder)
    #expect(try library.recipe("resnet18").training.maxEpochs == 3)
    #expect(library.problems.map(\.isNote) == [true])
  }
}
