"""Training steps of a plain llama model in PyTorch: shapes, loss, clipping and AdamW as ours.

Takes its task as JSON in argv[1], prints {"p50": ms, "forward": ms, "backward": ms, "update": ms, "loss": nats, "torch": version}.
"""
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

task = json.loads(sys.argv[1])
config = task["config"]
dim, heads, kv_heads, head_dim = config["dim"], config["heads"], config["kvHeads"], config["headDim"]
sequence, batch = task["sequence"], task["batch"]
torch.set_num_threads(task["threads"])
torch.manual_seed(0)


class RMSNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        x = x.float()
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config["eps"]))


def rotate(x, cosine, sine):
    first, second = x[..., 0::2], x[..., 1::2]
    return torch.stack((first * cosine - second * sine, first * sine + second * cosine), -1).flatten(-2)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = config["hidden"]
        linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.attention_norm, self.feed_forward_norm = RMSNorm(), RMSNorm()
        self.wq, self.wo = linear(dim, heads * head_dim), linear(heads * head_dim, dim)
        self.wk, self.wv = linear(dim, kv_heads * head_dim), linear(dim, kv_heads * head_dim)
        self.w1, self.w3, self.w2 = linear(dim, hidden), linear(dim, hidden), linear(hidden, dim)

    def forward(self, x, cosine, sine, mask):
        y = self.attention_norm(x)
        separate = lambda z, count: z.view(batch, sequence, count, head_dim).transpose(1, 2)
        q = rotate(separate(self.wq(y), heads), cosine, sine)
        k = rotate(separate(self.wk(y), kv_heads), cosine, sine).repeat_interleave(heads // kv_heads, 1)
        v = separate(self.wv(y), kv_heads).repeat_interleave(heads // kv_heads, 1)
        weights = torch.softmax((q @ k.transpose(2, 3) / head_dim**0.5 + mask).float(), -1).type_as(v)
        x = x + self.wo((weights @ v).transpose(1, 2).reshape(batch, sequence, -1))
        y = self.feed_forward_norm(x)
        return x + self.w2(F.silu(self.w1(y)) * self.w3(y))


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(config["vocab"], dim)
        self.layers = nn.ModuleList(Layer() for _ in range(config["layers"]))
        self.norm = RMSNorm()
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
        frequency = config["ropeBase"] ** (-torch.arange(0, head_dim, 2) / head_dim)
        angle = torch.outer(torch.arange(sequence), frequency)
        self.cosine, self.sine = angle.cos(), angle.sin()
        self.mask = torch.full((sequence, sequence), float("-inf")).triu(1)

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cosine, self.sine, self.mask)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return F.cross_entropy(logits.float().view(-1, config["vocab"]), targets.view(-1))


model = Llama()
matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
vectors = [parameter for parameter in model.parameters() if parameter.dim() == 1]
groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
options = {"lr": 1e-4, "betas": (0.9, 0.95), "eps": 1e-8}
try:
    optimizer = torch.optim.AdamW(groups, fused=True, **options)
except (TypeError, RuntimeError):  # before 2.4 there is none for CPUs
    optimizer = torch.optim.AdamW(groups, foreach=True, **options)

times = []
for step in range(task["warmup"] + task["steps"]):
    tokens = torch.randint(config["vocab"], (batch, sequence + 1))
    marks = [time.perf_counter()]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=task["bf16"]):
        loss = model(tokens[:, :-1], tokens[:, 1:])
    marks.append(time.perf_counter())
    loss.backward()
    marks.append(time.perf_counter())
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    marks.append(time.perf_counter())
    if step >= task["warmup"]:
        times.append([marks[3] - marks[0], *(b - a for a, b in zip(marks, marks[1:]))])

middle = [1000 * sorted(column)[len(times) // 2] for column in zip(*times)]
names = ["p50", "forward", "backward", "update"]
print(json.dumps({**dict(zip(names, middle)), "loss": loss.item(), "torch": torch.__version__}))
