mod fixture;
mod values;
mod time;
mod absence;
mod sequences;
mod traces;
mod naive;
mod laws;
