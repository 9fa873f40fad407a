mod generate;
mod histories;
mod numbers;
mod parsing;
mod reference;
mod updates;
mod vectors;
