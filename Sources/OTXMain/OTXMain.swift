import OTXCLI

@main
enum OTXMain {
  static func main() async { await Program.main() }
}
