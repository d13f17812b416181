//! Counted edges as bytes that are stored: the same bytes for the same edges, however they were added up.
//!
//! Every node once, in order; then every edge: its step, the places of its two nodes, its counts.

use std::collections::HashMap;

use datafusion::common::{Result, exec_err};

use super::edges::{Count, Edges, Row};
use crate::functions::bytes::{read_number, take, write_number};

pub(super) fn encode(edges: &Edges, out: &mut Vec<u8>) {
    let rows = edges.sorted();
    let mut nodes: Vec<&str> = rows.iter().flat_map(|row| [row.from, row.to]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let places: HashMap<&str, u64> = nodes.iter().copied().zip(0..).collect();
    write_number(out, nodes.len() as u64);
    for node in nodes {
        write_number(out, node.len() as u64);
        out.extend_from_slice(node.as_bytes());
    }
    write_number(out, rows.len() as u64);
    for row in rows {
        write_number(out, u64::from(row.step));
        write_number(out, places[row.from]);
        write_number(out, places[row.to]);
        write_number(out, row.count.paths);
        write_number(out, row.count.timed);
        out.extend_from_slice(&row.count.ticks.to_le_bytes());
    }
}

pub(super) fn decode(mut bytes: &[u8]) -> Result<Edges> {
    let bytes = &mut bytes;
    let mut nodes = Vec::new();
    for _ in 0..read_number(bytes)? {
        let length = read_number(bytes)?;
        match std::str::from_utf8(take(bytes, length)?) {
            Ok(node) => nodes.push(node),
            Err(_) => return damaged(),
        }
    }
    let mut edges = Edges::default();
    for _ in 0..read_number(bytes)? {
        let (step, from, to) = (read_number(bytes)?, read_number(bytes)?, read_number(bytes)?);
        let node = |place: u64| usize::try_from(place).ok().and_then(|place| nodes.get(place).copied());
        let (Ok(step), Some(from), Some(to)) = (u32::try_from(step), node(from), node(to)) else {
            return damaged();
        };
        let (paths, timed) = (read_number(bytes)?, read_number(bytes)?);
        let Ok(ticks) = <[u8; 16]>::try_from(take(bytes, 16)?) else {
            return damaged();
        };
        edges.insert(&Row {
            step,
            from,
            to,
            count: Count { paths, timed, ticks: i128::from_le_bytes(ticks) },
        });
    }
    Ok(edges)
}

fn damaged<T>() -> Result<T> {
    exec_err!("a stored state of path_rollup is damaged: an edge names a step or a node that does not exist")
}
