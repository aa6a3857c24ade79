import OTX

@main
enum QuickStart {
  static func main() async throws {}
}
