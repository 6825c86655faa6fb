"""Writes a masked LM of RoBERTa that fairseq trained as a folder of transformers; needs the extra `torch`.

  python tools/fairseq_roberta.py checkpoint.pt FOLDER

Nothing of the checkpoint is run: its pickle may name `argparse.Namespace` besides tensors. fairseq has no segments
and an ε of 1e-5: https://github.com/facebookresearch/fairseq/tree/main/examples/roberta.
"""

import argparse
import sys

import torch
from transformers import RobertaConfig, RobertaForMaskedLM

NAMES = {
    "decoder.sentence_encoder.embed_tokens": "roberta.embeddings.word_embeddings",
    "decoder.sentence_encoder.embed_positions": "roberta.embeddings.position_embeddings",
    "decoder.sentence_encoder.emb_layer_norm": "roberta.embeddings.LayerNorm",
    "decoder.sentence_encoder.layers": "roberta.encoder.layer",
    "decoder.lm_head": "lm_head",
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}
"""Parts of names in fairseq, and what transformers calls them."""


def main(source: str, target: str) -> None:
    with torch.serialization.safe_globals([argparse.Namespace]):
        stored = torch.load(source, map_location="cpu", weights_only=True)
    args, tensors = stored["args"], {renamed(name): value for name, value in stored["model"].items()}
    config = RobertaConfig(
        vocab_size=len(tensors["roberta.embeddings.word_embeddings.weight"]),
        max_position_embeddings=len(tensors["roberta.embeddings.position_embeddings.weight"]),
        hidden_size=args.encoder_embed_dim,
        intermediate_size=args.encoder_ffn_embed_dim,
        num_hidden_layers=args.encoder_layers,
        num_attention_heads=args.encoder_attention_heads,
        hidden_act=args.activation_fn,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    tensors["roberta.embeddings.token_type_embeddings.weight"] = torch.zeros(1, args.encoder_embed_dim)
    tensors["lm_head.decoder.weight"] = tensors.pop("lm_head.weight")
    tensors["lm_head.decoder.bias"] = tensors["lm_head.bias"]
    model = RobertaForMaskedLM(config)
    model.load_state_dict(tensors)  # which raises if a name is missing or left over
    model.save_pretrained(target)


def renamed(name: str) -> str:
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


if __name__ == "__main__":
    main(*sys.argv[1:])
