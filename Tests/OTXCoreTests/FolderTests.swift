import Foundation
import Testing

@testable import OTXCore

@Suite struct FolderTests {
  @Test func makesFoldersOnTheWayAndKeepsWhatIsThere() throws {
    let root = try TemporaryDirectory()
    let folder = root.file("a/b/c")
    try Folder.make(folder)
    try Data("x".utf8).write(to: folder.appending(path: "kept"))
    try Folder.make(folder)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["kept"])
  }

  @Test(arguments: ["file", "file/below", "file/far/below"])
  func aFileInTheWayIsNamed(_ path: String) throws {
    let root = try TemporaryDirectory()
    let file = try root.file("file", holding: Data("x".utf8))
    let error = #expect(throws: FileError.self) { try Folder.make(root.file(path)) }
    #expect(error?.description.contains("\(file.path) is a file, not a folder") == true)
    #expect(try Data(contentsOf: file) == Data("x".utf8))
  }
}
