use std::{io, sync::Arc};

use axum::Router;
use opentelemetry::metrics::Meter;
use tower_http::normalize_path::NormalizePath;

use super::{
    ServeError,
    descriptors::{Spares, affordable},
    handshake::Tls,
    listener::{Listener, Running, Serving},
    metrics::Connections,
    protocol::Protocol,
    redirect,
    systemd::Sockets,
};
use crate::{config::Config, tls::Certificates};

/// All addresses, taken.
pub(super) struct Bound {
    pub(super) operations: Listener,
    pub(super) public: Listener,
    pub(super) redirect: Option<Listener>,
}

impl Bound {
    /// Takes what systemd hands over, and the addresses of the others.
    pub(super) fn all(config: &Config) -> Result<Self, ServeError> {
        let mut passed = Sockets::take()?;
        let operations = passed.of("operations");
        let redirect = passed.of("redirect");
        let public = passed.of("public").or_else(|| passed.unnamed());
        let address = config.tls.redirect_address;
        Ok(Self {
            operations: Listener::bind(
                "operations",
                "operations.address",
                config.operations.address,
                operations,
            )?,
            public: Listener::bind("public", "http.address", config.http.address, public)?,
            redirect: address
                .map(|a| Listener::bind("redirect", "tls.redirect_address", a, redirect))
                .transpose()?,
        })
    }
}

/// What the listeners have in common, and what sets them apart.
pub(super) struct Front<'a> {
    config: &'a Config,
    protocol: Arc<Protocol>,
    certificates: Option<Certificates>,
    spares: Arc<Spares>,
    open: Connections,
    meter: &'a Meter,
}

impl<'a> Front<'a> {
    pub(super) fn new(
        config: &'a Config,
        certificates: Option<Certificates>,
        meter: &'a Meter,
    ) -> Self {
        Self {
            config,
            protocol: Arc::new(Protocol::new(config)),
            certificates,
            spares: Arc::new(Spares::open()),
            open: Connections::default(),
            meter,
        }
    }

    /// How many connections all listeners have open.
    pub(super) fn connections(&self) -> Connections {
        self.open.clone()
    }

    /// Serves probes: in plain HTTP, and first when descriptors run out.
    pub(super) fn operations(
        &self,
        listener: Listener,
        probes: NormalizePath<Router>,
    ) -> io::Result<Running> {
        let serving = Serving {
            may_use_spares: true,
            ..self.serving(self.config.operations.connections)
        };
        listener.serve(probes, serving)
    }

    /// Serves the API, by TLS if there is a certificate, and the redirect to it.
    pub(super) fn public(
        &self,
        listener: Listener,
        redirect: Option<Listener>,
        api: NormalizePath<Router>,
    ) -> io::Result<Public> {
        let listeners = 1 + usize::from(redirect.is_some());
        let connections = affordable(self.config.http.connections, listeners);
        let certificates = self.certificates.clone();
        let serving = Serving {
            tls: certificates.map(|certificates| Tls::new(certificates, &self.config.tls)),
            ..self.serving(connections)
        };
        let mut listeners = vec![listener.serve(api, serving)?];
        if let (Some(listener), Some(certificates)) = (redirect, self.certificates.clone()) {
            let app = redirect::router(certificates, self.config.tls.redirect_port);
            listeners.push(listener.serve(app, self.serving(connections))?);
        }
        Ok(Public(listeners))
    }

    fn serving(&self, connections: usize) -> Serving<'a> {
        Serving {
            protocol: Arc::clone(&self.protocol),
            tls: None,
            connections,
            spares: Arc::clone(&self.spares),
            may_use_spares: false,
            open: self.open.clone(),
            meter: self.meter,
        }
    }
}

/// The listeners that close before the store does.
pub(super) struct Public(Vec<Running>);

impl Public {
    /// Accepts no more, and waits until the requests in flight are answered.
    pub(super) async fn drain(&mut self) {
        self.0.iter().for_each(Running::close);
        for listener in &mut self.0 {
            listener.drained().await;
        }
    }

    /// Connections that are open now.
    pub(super) fn connections(&self) -> usize {
        self.0.iter().map(Running::connections).sum()
    }

    /// Closes whatever is still open.
    pub(super) fn cut(&self) {
        self.0.iter().for_each(Running::cut);
    }
}
