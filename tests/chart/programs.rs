//! Scripts and configurations of the chart, run by the real programs.
