//! Both directions of matching beside the plain evaluator: `cargo bench --bench matching -- [--profiles N] [--notices N[,N]]
//! [--shape measured|real] [--full]`. Every answer that is timed is also compared with the evaluator's.

mod clock;
mod notices;
mod profiles;
mod shapes;

use shapes::Shape;

const USAGE: &str =
    "cargo bench --bench matching -- [--profiles N] [--notices N[,N]] [--shape measured|real] [--full]";

/// Sizes of a run.
struct Options {
    profiles: u32,
    notices: Vec<u32>,
    shapes: Vec<Shape>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let options = match parse(&args) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            std::process::exit(2);
        }
    };
    for shape in &options.shapes {
        println!("\n{}: {} fields", shape.name, shape.schema.fields().len());
        profiles::run(shape, options.profiles);
        for notices in &options.notices {
            notices::run(shape, *notices);
        }
    }
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options {
        profiles: 1_000_000,
        notices: vec![20_000],
        shapes: vec![shapes::measured(), shapes::real()],
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let number =
            |text: &str| text.replace('_', "").parse::<u32>().map_err(|_| format!("{arg} needs a number"));
        match arg.as_str() {
            "--profiles" => options.profiles = number(args.next().map_or("", |n| n))?,
            "--notices" => {
                options.notices =
                    args.next().map_or("", |n| n).split(',').map(number).collect::<Result<_, _>>()?;
            }
            "--shape" => {
                let named = args.next().cloned().unwrap_or_default();
                options.shapes.retain(|shape| shape.name == named);
                if options.shapes.is_empty() {
                    return Err(format!("no shape \"{named}\""));
                }
            }
            "--full" => (options.profiles, options.notices) = (10_000_000, vec![20_000, 200_000]),
            // What cargo itself passes.
            "--bench" => {}
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(options)
}
