"""
Two vintages of SMB and HML
===========================

Real data: the series of Kenneth French that two packages ship, in an earlier and a later vintage.
His own revisions move single months, of HML more than of SMB, so nobody can expect a replication to
be closer to the published series than this.
"""

import matplotlib.pyplot as plt

from truepremia.tidy.french import earlier_vintage, later_vintage

both = earlier_vintage().merge(later_vintage(), on="month", suffixes=("_earlier", "_later"))
fig, panels = plt.subplots(1, 2, layout="constrained", figsize=(8, 4))
for ax, factor in zip(panels, ("smb", "hml"), strict=True):
    earlier, later = both[f"{factor}_earlier"], both[f"{factor}_later"]
    ax.plot(later, earlier, ".", ms=3)
    ax.axline((0, 0), slope=1, color="black", lw=0.6)
    ax.set_title(f"{factor.upper()}: correlation {earlier.corr(later):.4f}")
    ax.set(xlabel="later vintage, return per month", ylabel="earlier vintage")
plt.show()
