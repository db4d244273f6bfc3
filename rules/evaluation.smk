# Judgement of the bundled factors by the exact moments, the bundle of a panel, the leaderboard.
from truepremia.report.contents import PAGE_PARTS, board_captions, caption_files


rule portfolio_stats:
    input:
        unpack(RUN.of_every_loading("latent")),
        **RUN.of_panel("panel", "aggregates", "moments"),
        **RUN.of_panel("ff_returns", "fm_returns"),
    output:
        **RUN.of_panel("fama_stats", "model_stats"),
    resources:
        **RUN.needs("portfolio_stats"),
    params:
        stage=RUN.parameter("portfolio_stats"),
    script:
        "../scripts/portfolio_stats.py"


rule bundle_panel:
    input:
        unpack(RUN.of_every_loading("model_premia", "latent")),
        **RUN.of_panel("ff_returns", "fm_returns", "fama_stats", "model_stats"),
        **RUN.of_panel("panel", "aggregates", "states", "moments", "sdf"),
        **RUN.of_solution("npz", "json"),
    output:
        bundle=f"{RUN.results}/{{model}}_{{index}}_fama.pkl",
        manifest=f"{RUN.results}/{{model}}_{{index}}_manifest.json",
    resources:
        **RUN.needs("bundle_panel"),
    params:
        stage=RUN.parameter("bundle_panel"),
    script:
        "../scripts/bundle_panel.py"


rule leaderboard:
    input:
        captions=board_captions(),
        page=PAGE_PARTS,
        stats=RUN.judged("stats"),
        truth=RUN.truth_of_panels(),
        real=RUN.judged_real("stats"),
    output:
        **RUN.of_board(),
    resources:
        **RUN.needs("leaderboard"),
    params:
        stage=RUN.parameter("leaderboard"),
    script:
        "../scripts/leaderboard.py"
