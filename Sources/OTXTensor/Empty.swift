import OTXCore
