//! The load test against itself: scripted DSPs met by a raw client, the floor under load, a small exchange that is billed.

#[cfg(test)]
mod billing;
#[cfg(test)]
mod floor;
#[cfg(test)]
mod tempers;

#[cfg(test)]
mod harness {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use loadtest::catalog::{Catalog, Secrets};
    use loadtest::dsp::{DspPlan, Script, ScriptedDsp, Temper};

    pub(crate) fn catalog() -> Arc<Catalog> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        Arc::new(Catalog::from_config(&folder, &Secrets::demo()).unwrap())
    }

    pub(crate) fn dsp(script: Script) -> ScriptedDsp {
        let mut plan = DspPlan::new("basalt", &["basalt-1", "basalt-3"], script);
        plan.record = 4;
        ScriptedDsp::start(plan, catalog()).unwrap()
    }

    pub(crate) fn always(temper: Temper) -> ScriptedDsp {
        dsp(Script::always(temper))
    }

    /// Everything that comes back until the end of the connection, or until nothing came for half a second.
    pub(crate) fn raw(address: SocketAddr, target: &str, body: &str) -> Vec<u8> {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let length = body.len();
        write!(
            socket,
            "POST {target} HTTP/1.1\r\nhost: dsp\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let (mut all, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = socket.read(&mut piece) {
            all.extend_from_slice(&piece[..count]);
        }
        all
    }

    /// Status, headers in lower case, body.
    pub(crate) fn parts(answer: &[u8]) -> (u16, String, String) {
        let text = String::from_utf8(answer.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("an HTTP answer");
        (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
    }
}
