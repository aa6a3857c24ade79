"""Plain PyTorch twins of backbones that neither torchvision nor timm has.

Written from the papers, with the parameter names and the numbers of the published checkpoints:
CSPNeXt (RTMDet, arXiv 2212.07784) and OSNet (arXiv 1905.00953).
"""

import torch
from torch import nn
from torch.nn import functional as F


def unit(channels_in, channels, kernel=1, stride=1, groups=1, activation=nn.SiLU):
    """Convolution, normalisation and activation as `conv`, `bn`, `activate`."""
    module = nn.Sequential()
    module.conv = nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    module.bn = nn.BatchNorm2d(channels)
    if activation:
        module.activate = activation()
    return module


class CSPNeXt(nn.Module):
    """Figure 3 and section 3.2: stages of cross-stage layers with 5×5 depthwise blocks."""

    class Block(nn.Module):
        def __init__(self, channels, shortcut):
            super().__init__()
            self.shortcut = shortcut
            self.conv1 = unit(channels, channels, 3)
            self.conv2 = nn.Sequential()
            self.conv2.depthwise_conv = unit(channels, channels, 5, groups=channels)
            self.conv2.pointwise_conv = unit(channels, channels)

        def forward(self, x):
            y = self.conv2(self.conv1(x))
            return x + y if self.shortcut else y

    class Attention(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.fc = nn.Conv2d(channels, channels, 1)

        def forward(self, x):
            return F.hardsigmoid(self.fc(x.mean((2, 3), keepdim=True))) * x

    class Layer(nn.Module):
        def __init__(self, channels, count, shortcut):
            super().__init__()
            half = channels // 2
            self.main_conv = unit(channels, half)
            self.short_conv = unit(channels, half)
            self.final_conv = unit(2 * half, channels)
            self.blocks = nn.Sequential(*[CSPNeXt.Block(half, shortcut) for _ in range(count)])
            self.attention = CSPNeXt.Attention(2 * half)

        def forward(self, x):
            both = torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], 1)
            return self.final_conv(self.attention(both))

    class Pyramid(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv1 = unit(channels, channels // 2)
            self.conv2 = unit(channels * 2, channels)

        def forward(self, x):
            x = self.conv1(x)
            return self.conv2(torch.cat([x] + [F.max_pool2d(x, k, 1, k // 2) for k in (5, 9, 13)], 1))

    def __init__(self, depth, width):
        super().__init__()
        base = int(64 * width)
        self.stem = nn.Sequential(unit(3, base // 2, 3, 2), unit(base // 2, base // 2, 3), unit(base // 2, base, 3))
        for stage, count in enumerate((3, 6, 6, 3)):
            channels, last = base << (stage + 1), stage == 3
            layers = [unit(base << stage, channels, 3, 2)]
            if last:
                layers.append(CSPNeXt.Pyramid(channels))
            layers.append(CSPNeXt.Layer(channels, max(round(count * depth), 1), not last))
            self.add_module(f"stage{stage + 1}", nn.Sequential(*layers))

    def forward(self, x):
        levels = [self.stem(x)]
        for stage in (self.stage1, self.stage2, self.stage3, self.stage4):
            levels.append(stage(levels[-1]))
        return levels[1:]


def rectified(channels_in, channels, kernel=1, stride=1):
    return unit(channels_in, channels, kernel, stride, activation=nn.ReLU)


class OSNet(nn.Module):
    """Table 1 and figure 4 at width 1."""

    class Light(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
            self.bn = nn.BatchNorm2d(channels)

        def forward(self, x):
            return F.relu(self.bn(self.conv2(self.conv1(x))))

    class Gate(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.fc1 = nn.Conv2d(channels, channels // 16, 1)
            self.fc2 = nn.Conv2d(channels // 16, channels, 1)

        def forward(self, x):
            return torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True))))) * x

    class Block(nn.Module):
        def __init__(self, channels_in, channels):
            super().__init__()
            middle = channels // 4
            self.conv1 = rectified(channels_in, middle)
            self.conv2a = OSNet.Light(middle)
            for length, letter in ((2, "b"), (3, "c"), (4, "d")):
                self.add_module(f"conv2{letter}", nn.Sequential(*[OSNet.Light(middle) for _ in range(length)]))
            self.gate = OSNet.Gate(middle)
            self.conv3 = unit(middle, channels, activation=None)
            self.downsample = None
            if channels_in != channels:
                self.downsample = unit(channels_in, channels, activation=None)

        def forward(self, x):
            y = self.conv1(x)
            y = sum(self.gate(stream(y)) for stream in (self.conv2a, self.conv2b, self.conv2c, self.conv2d))
            return F.relu(self.conv3(y) + (self.downsample(x) if self.downsample else x))

    def __init__(self, num_classes):
        super().__init__()

        def stage(channels_in, channels, smaller):
            layers = [OSNet.Block(channels_in, channels), OSNet.Block(channels, channels)]
            if smaller:
                layers.append(nn.Sequential(rectified(channels, channels), nn.AvgPool2d(2)))
            return nn.Sequential(*layers)

        self.conv1 = rectified(3, 64, 7, 2)
        self.conv2 = stage(64, 256, True)
        self.conv3 = stage(256, 384, True)
        self.conv4 = stage(384, 512, False)
        self.conv5 = rectified(512, 512)
        self.fc = nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU())
        self.classifier = nn.Linear(512, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
            if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 3, 2, 1)
        x = self.conv5(self.conv4(self.conv3(self.conv2(x))))
        return self.classifier(self.fc(x.mean((2, 3))))
