"""The peer: a plain PyTorch training loop that runs steps when it is told to.

`otx-bench training-step` starts it, so that both sides run alternately in one run. Protocol: it
prints one JSON line when it is ready; for each line `N` on standard input it runs N steps and
prints `{"seconds": [...], "loss": ...}`.

By hand: `echo 5 | python training_step.py --model resnet18 --precision bf16`.
"""

import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F
import torchvision


def classifier(arguments):
    make = getattr(torchvision.models, arguments.model)
    model = make(weights=None, num_classes=10)
    images = torch.randn(arguments.batch_size, 3, arguments.size, arguments.size)
    images = images.to(memory_format=arguments.memory_format)
    labels = torch.randint(0, 10, (arguments.batch_size,))
    return model, lambda: F.cross_entropy(model(images), labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--contiguous", action="store_true", help="not channels-last")
    arguments = parser.parse_args()
    arguments.memory_format = (
        torch.contiguous_format if arguments.contiguous else torch.channels_last)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)

    model, loss_of = classifier(arguments)
    model.train().to(memory_format=arguments.memory_format)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.precision == "bf16"):
            loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss

    print(json.dumps({"ready": True, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            loss = step().item()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "loss": loss}), flush=True)


if __name__ == "__main__":
    main()
