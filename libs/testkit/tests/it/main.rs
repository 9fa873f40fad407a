mod leftovers;
mod proxy;
mod servers;
mod vectors;
