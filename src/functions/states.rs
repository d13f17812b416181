//! Stored states: what `<function>_state` writes, and how a reader knows that it may merge two of them.
//!
//! ```text
//! FFS 1 │ length, name of the function │ length, parameters as JSON │ content
//! ```
//!
//! The parameters are all that the literals of the call said, so that a state can be merged and answered without them, and
//! so that states of other parameters are told apart. What the content is, the function knows.

use datafusion::arrow::array::BinaryBuilder;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::bytes;

const MAGIC: &[u8] = b"FFS\x01";

/// Appends the head of a state.
pub(crate) fn write_header(out: &mut Vec<u8>, function: &str, parameters: &impl Serialize) -> Result<()> {
    let external = |error| DataFusionError::External(Box::new(error));
    let mut parameters = serde_json::to_value(parameters).map_err(external)?;
    leave_out_defaults(&mut parameters);
    let parameters = serde_json::to_vec(&parameters).map_err(external)?;
    out.extend_from_slice(MAGIC);
    for part in [function.as_bytes(), &parameters] {
        bytes::write_number(out, part.len() as u64);
        out.extend_from_slice(part);
    }
    Ok(())
}

/// Appends a state to a column of them, which can only hold so much.
pub(crate) fn append(states: &mut BinaryBuilder, state: &[u8]) -> Result<()> {
    if i32::try_from(states.values_slice().len() + state.len()).is_err() {
        return exec_err!(
            "more than {} bytes of states in one partition; raise datafusion.execution.target_partitions",
            i32::MAX
        );
    }
    states.append_value(state);
    Ok(())
}

/// What a call does not say is not written: a head stands before every state.
fn leave_out_defaults(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(leave_out_defaults);
        fields.retain(|_, value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(items) => !items.is_empty(),
            _ => true,
        });
    }
}

/// The head of a state and its content; equal heads have equal parameters.
pub(crate) fn split_header<'a>(function: &str, state: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
    let (name, rest) = name(function, state)?;
    if name != function.as_bytes() {
        return exec_err!(
            "{function}: this is a state of {}, not of {function}",
            String::from_utf8_lossy(name)
        );
    }
    let mut rest = rest;
    let length = bytes::read_number(&mut rest)?;
    bytes::take(&mut rest, length)?;
    Ok(state.split_at(state.len() - rest.len()))
}

/// The parameters of the head that [`split_header`] gave.
pub(crate) fn read_parameters<P: DeserializeOwned>(function: &str, head: &[u8]) -> Result<P> {
    let json = json(function, head)?;
    serde_json::from_slice(json).map_err(|error| {
        exec_datafusion_err!(
            "{function}: a state has the parameters {}, which cannot be read: {error}",
            String::from_utf8_lossy(json)
        )
    })
}

/// The error of two states that cannot be merged.
pub(crate) fn other_parameters<T>(function: &str, first: &[u8], second: &[u8]) -> Result<T> {
    let text = |head| Ok::<_, DataFusionError>(String::from_utf8_lossy(json(function, head)?).into_owned());
    exec_err!(
        "{function}: states of different parameters cannot be merged: {} and {}",
        text(first)?,
        text(second)?
    )
}

fn json<'a>(function: &str, head: &'a [u8]) -> Result<&'a [u8]> {
    let (_, mut rest) = name(function, head)?;
    let length = bytes::read_number(&mut rest)?;
    bytes::take(&mut rest, length)
}

fn name<'a>(function: &str, state: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
    let Some(mut rest) = state.strip_prefix(MAGIC) else {
        return match state.strip_prefix(&MAGIC[..MAGIC.len() - 1]) {
            Some([version, ..]) => {
                exec_err!("{function}: a state of version {version}; this program reads version 1")
            }
            _ => exec_err!("{function}: {} bytes that are no state of a function", state.len()),
        };
    };
    let length = bytes::read_number(&mut rest)?;
    let name = bytes::take(&mut rest, length)?;
    Ok((name, rest))
}
