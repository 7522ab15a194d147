"""The process: joins receivers, processors, store and scaler; owns I/O, time and configuration."""
