import Foundation
import HTTPTypes
import NIOCore
import OTXInference
import Testing

@testable import OTXServer

@Suite("Parts of the server")
struct PartTests {
  private let type = MediaType("multipart/form-data; boundary=\"b 1\"")

  private func file(_ text: String) throws -> MultipartFile {
    try MultipartFile(in: Array(text.utf8), contentType: type)
  }

  @Test func formsAreRead() throws {
    let head = "Content-Disposition: form-data; name=f; filename=\"a;b.png\"\r\n"
    let found = try file(
      "--b 1\r\n\(head)Content-Type: image/png \r\n\r\nx\r\n--b\r\ny\r\n--b 1--\r\n"
    )
    #expect(found.fileName == "a;b.png")
    #expect(found.contentType == "image/png")
    #expect(String(decoding: found.content, as: UTF8.self) == "x\r\n--b\r\ny")
    // A preamble, padding behind boundaries, fields that are no files, an empty file, an epilogue.
    let other = try file(
      "hello\r\n--b 1 \t\r\nContent-Disposition: form-data; name=n\r\n\r\n5\r\n--b 1\r\n"
        + "content-disposition: form-data; FILENAME=x\r\n\r\n\r\n--b 1--\r\nbye"
    )
    #expect(other.fileName == "x")
    #expect(other.content.isEmpty)
  }

  @Test(
    arguments: [
      ("", "boundary"), ("--b 2\r\n", "boundary"), ("--b 1", "end of line"),
      ("--b 1--", "no file"), ("--b 1\r\n", "cut short"), ("--b 1\r\n--b 1--", "end of its header"),
      ("--b 1\r\nA: b\r\n--b 1--", "end of its header"),
      ("--b 1\r\n\r\nx\r\n--b 1--", "no file"), ("--b 1x\r\n\r\n\r\n--b 1--", "end of line"),
      (
        String(repeating: "--b 1\r\nContent-Disposition: f; filename=a\r\n\r\nx\r\n", count: 2)
          + "--b 1--", "2 files"
      ), (String(repeating: "--b 1\r\n\r\nx\r\n", count: 40) + "--b 1--", "32 parts"),
    ]
  )
  func brokenFormsAreToldSo(text: String, word: String) {
    let problem = #expect(throws: Problem.self) { try file(text) }
    #expect(problem?.code == .badForm)
    #expect(problem?.detail.contains(word) == true, "\(problem?.detail ?? "")")
  }

  @Test func longHeadersOfPartsAreRefused() {
    let long = String(repeating: "a", count: 9000)
    let problem = #expect(throws: Problem.self) {
      try file("--b 1\r\nX: \(long)\r\n\r\nx\r\n--b 1--")
    }
    #expect(problem?.detail.contains("header") == true)
  }

  @Test func mediaTypesAreRead() {
    #expect(MediaType(" Image/PNG ").name == "image/png")
    let type = MediaType("a/b; C=\"x;\\\"y\"; c=z; q")
    #expect(type.name == "a/b")
    #expect(type.parameters == ["c": "x;\"y"])
    #expect(MediaType("").name.isEmpty)
  }

  @Test func bucketsFillWithTime() throws {
    let limiter = RateLimiter(rate: 2, clientLimit: 4)
    let start = ContinuousClock.now
    #expect(limiter.wait(for: "a", at: start) == nil)
    #expect(limiter.wait(for: "a", at: start) == nil)
    let wait = try #require(limiter.wait(for: "a", at: start))
    #expect(abs(wait - 0.5) < 1e-6)
    #expect(limiter.wait(for: "b", at: start) == nil)
    #expect(limiter.wait(for: "a", at: start + .milliseconds(500)) == nil)
    #expect(limiter.wait(for: "a", at: start + .milliseconds(501)) != nil)
    // Addresses can be made up without end.
    for index in 0..<100 { _ = limiter.wait(for: "c\(index)", at: start + .milliseconds(502)) }
    #expect(limiter.clientCount <= 4)
    #expect(RateLimiter(rate: 0).wait(for: "a") == nil)
  }

  @Test func clientsAreTheirAddresses() throws {
    let v4 = try SocketAddress(ipAddress: "192.0.2.1", port: 5)
    let mapped = try SocketAddress(ipAddress: "::ffff:192.0.2.1", port: 5)
    let v6 = try SocketAddress(ipAddress: "2001:db8:0:1::5", port: 5)
    func key(_ address: SocketAddress, _ headers: HTTPFields = [:], trusts: Bool = false) -> String
    {
      ClientAddress.key(remote: address, headers: headers, trustsProxy: trusts)
    }
    #expect(key(v4) == "192.0.2.1")
    #expect(key(mapped) == "192.0.2.1")
    #expect(key(v6) == key(try SocketAddress(ipAddress: "2001:db8:0:1:ffff::1", port: 9)))
    let name = try #require(HTTPField.Name("X-Forwarded-For"))
    let headers: HTTPFields = [name: "203.0.113.9, 198.51.100.4:77"]
    #expect(key(v4, headers) == "192.0.2.1")
    #expect(key(v4, headers, trusts: true) == "198.51.100.4")
    #expect(key(v4, [name: "made up"], trusts: true) == "192.0.2.1")
  }

  @Test(
    arguments: [
      ("127.0.0.1:80", "127.0.0.1", 80), (":8080", "127.0.0.1", 8080), ("9", "127.0.0.1", 9),
      ("[::1]:5", "::1", 5), ("cells.local:0", "cells.local", 0),
      ("0.0.0.0:65535", "0.0.0.0", 65_535),
    ]
  )
  func addressesAreRead(text: String, host: String, port: Int) throws {
    let address = try ServerAddress(text)
    #expect((address.host, address.port) == (host, port))
  }

  @Test(
    arguments: [
      "", ":", "x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "a:+5", "::1:80",
      "[::1]", "[]:80", "[a]:80", "http://x:80", "a b:80",
    ]
  )
  func wrongAddressesAreToldSo(text: String) {
    #expect(throws: InferenceError.self) { try ServerAddress(text) }
  }

  @Test func optionsAreRead() throws {
    var options = ServerOptions()
    try options.read(
      maximumUpload: "5M",
      rate: "2.5",
      trustsProxy: true,
      origins: ["https://example.org:8443"]
    )
    #expect(options.limits.uploadByteCount == 5 << 20)
    #expect(options.rate == 2.5)
    #expect(options.allows("https://example.org:8443"))
    #expect(!options.allows("https://example.org"))
    for (size, rate, origin) in [
      ("x", nil, []), ("2G", nil, []), (nil, "0", []), (nil, "-1", []), (nil, "nan", []),
      (nil, nil, ["example.org"]), (nil, nil, ["https://a/b"]), (nil, nil, ["file://"]),
    ] as [(String?, String?, [String])] {
      #expect(throws: InferenceError.self) {
        try options.read(maximumUpload: size, rate: rate, trustsProxy: false, origins: origin)
      }
    }
    #expect(ServerAddress().isLoopback)
    #expect(try !ServerAddress("0.0.0.0:1").isLoopback)
    #expect(try ServerAddress("0.0.0.0:1").link(port: 9) == "http://127.0.0.1:9/")
    #expect(try ServerAddress("[fe80::1]:1").link(port: 9) == "http://[fe80::1]:9/")
  }

  @Test func theCommandLineOfOtxRunServes() throws {
    func read(_ words: String...) throws -> RunnerArguments {
      try RunnerArguments(words) { [URL(filePath: "/m/openvino.xml")] }
    }
    let plain = try read("--serve", ":9000")
    #expect(plain.action == .serve)
    #expect(plain.server.address.port == 9000)
    #expect(plain.options.inputs.isEmpty)
    let full = try read(
      "--serve=0.0.0.0:1",
      "--compare",
      "b.xml",
      "--compare=c",
      "--rate",
      "3",
      "--trust_proxy",
      "--allow-origin",
      "*",
      "--max-upload",
      "1M",
      "-it",
      "sync"
    )
    #expect(full.compared.map(\.relativePath) == ["b.xml", "c"])
    #expect(full.server.trustsProxy && full.server.allows("x"))
    #expect(throws: InferenceError.self) { try read("--rate", "3", "--libraries", "--serve") }
    for words in [["--rate", "3", "."], ["--serve", "x:y"], ["--serve", ":1", "--loop"]] {
      #expect(throws: InferenceError.self) { try RunnerArguments(words) { [URL(filePath: "/m")] } }
    }
    #expect(RunnerArguments.help.contains("--serve HOST:PORT"))
  }
}
