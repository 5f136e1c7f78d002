//! What schemas do not see: names that lead nowhere, numbers in the wrong order, pods
//! that may do more than they need.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    Rule,
    drift::Service,
    object::{Object, find, list, number, of_kind},
};

/// The label that tells a service's objects apart.
const NAME: &str = "app.kubernetes.io/name";

pub const RULES: &[Rule] = &[
    Rule {
        name: "selectors find pods",
        faults: selectors,
        broken: &[
            (
                "matchLabels:\n      app.kubernetes.io/component: api",
                "matchLabels:\n      app.kubernetes.io/component: apy",
            ),
            ("targetPort: http\n", "targetPort: htttp\n"),
            ("name: https\n        path", "name: http\n        path"),
            ("- port: http\n", "- port: 8081\n"),
            ("port: operations\n    scrape", "port: metrics\n    scrape"),
        ],
    },
    Rule {
        name: "names lead somewhere",
        faults: references,
        broken: &[
            (
                "- configMapRef:\n            name: ",
                "- configMapRef:\n            name: x",
            ),
            (
                "secretKeyRef:\n                  key: APP_STORE__URL\n                  name: ",
                "secretKeyRef:\n                  key: APP_STORE__URL\n                  name: x",
            ),
            (
                "- configMap:\n                  name: ",
                "- configMap:\n                  name: x",
            ),
            ("serviceAccountName: ", "serviceAccountName: x"),
            (
                "kind: Deployment\n    name: ",
                "kind: Deployment\n    name: x",
            ),
            ("secretName: ", "secretName: x"),
        ],
    },
    Rule {
        name: "numbers are in order",
        faults: numbers,
        broken: &[
            ("minReplicas: 3", "minReplicas: 11"),
            (
                "periodSeconds: 2\n          timeoutSeconds: 1",
                "periodSeconds: 1\n          timeoutSeconds: 2",
            ),
            (
                "memory: 256Mi\n          requests",
                "memory: 32Mi\n          requests",
            ),
            ("schedule: 0 2 * * *", "schedule: 0 25 * * *"),
            ("scrapeTimeout: 10s", "scrapeTimeout: 20s"),
        ],
    },
    Rule {
        name: "pods may do what they need, and nothing else",
        faults: restricted,
        broken: &[
            ("runAsNonRoot: true", "runAsNonRoot: false"),
            (
                "allowPrivilegeEscalation: false",
                "allowPrivilegeEscalation: true",
            ),
            (
                "readOnlyRootFilesystem: true",
                "readOnlyRootFilesystem: false",
            ),
            ("- ALL", "- NET_RAW"),
            ("type: RuntimeDefault", "type: Unconfined"),
            (
                "automountServiceAccountToken: false\n      containers",
                "automountServiceAccountToken: true\n      containers",
            ),
            ("enableServiceLinks: false", "enableServiceLinks: true"),
        ],
    },
    Rule {
        name: "what others have made is run by its digest",
        faults: pinned,
        broken: &[("restic/restic:", "restic/restic:latest # ")],
    },
    Rule {
        name: "all is told apart by the service's name",
        faults: named,
        broken: &[
            ("namespace: production", "namespace: elsewhere"),
            ("job=\"", "job=\"x"),
            ("{service=\"", "{service=\"x"),
            ("grafana_folder: ", "grafana_folder: x"),
            (
                "podSelector:\n    matchLabels:\n      app.kubernetes.io/name",
                "podSelector:\n    matchLabels:\n      app.kubernetes.io/nam",
            ),
        ],
    },
    Rule {
        name: "who shares a volume goes where it is, and anywhere if nobody has it",
        faults: neighbours,
        broken: &[
            (
                "matchLabels:\n                    app.kubernetes.io/name: ",
                "matchLabels:\n                    app.kubernetes.io/nam: ",
            ),
            (
                "volume/data: mounted\n                topologyKey",
                "app.kubernetes.io/component: api\n                topologyKey",
            ),
            (
                "volume/data: mounted\n                topologyKey",
                "app.kubernetes.io/component: backup\n                topologyKey",
            ),
        ],
    },
    Rule {
        name: "an update takes no replica away before there is another",
        faults: updates,
        broken: &[
            ("maxUnavailable: 0", "maxUnavailable: 1"),
            ("maxSurge: 1", "maxSurge: 0"),
        ],
    },
];

fn selectors(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    let pods: Vec<_> = objects.iter().filter_map(Object::pods).collect();
    for object in objects {
        let selector = match object.kind() {
            "Service" => object.table("/spec/selector"),
            "Deployment" | "PodDisruptionBudget" => object.table("/spec/selector/matchLabels"),
            // That of the database is there for stores that have a server.
            "NetworkPolicy" if !object.name().ends_with("-database") => {
                object.table("/spec/podSelector/matchLabels")
            }
            "ServiceMonitor" => {
                faults.extend(scraped(object, objects));
                continue;
            }
            _ => continue,
        };
        let found: Vec<_> = pods
            .iter()
            .filter(|pod| fits(&selector, labels(pod)))
            .collect();
        if found.is_empty() || selector.is_empty() {
            faults.push(format!("{} selects no pod", object.id()));
        }
        for port in ports_asked(object) {
            if !found.iter().any(|pod| has_port(pod, &port)) {
                faults.push(format!("{}: no pod has the port {port}", object.id()));
            }
        }
    }
    for pod in pods {
        let affinity = "/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm/labelSelector/matchLabels";
        for at in [
            affinity,
            "/spec/topologySpreadConstraints/0/labelSelector/matchLabels",
        ] {
            let selector = pod.pointer(at).and_then(Value::as_object);
            if selector.is_some_and(|selector| !fits(selector, labels(pod))) {
                faults.push(format!("{at} does not select the pod's own kind"));
            }
        }
    }
    faults.extend(entrances(objects));
    faults
}

fn labels(pod: &Value) -> &Value {
    pod.pointer("/metadata/labels").unwrap_or(&Value::Null)
}

fn fits(selector: &Map<String, Value>, labels: &Value) -> bool {
    selector
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

/// Ports of pods that a Service or a NetworkPolicy names.
fn ports_asked(object: &Object) -> Vec<Value> {
    match object.kind() {
        "Service" => object
            .list("/spec/ports")
            .iter()
            .map(|port| port["targetPort"].clone())
            .collect(),
        "NetworkPolicy" => {
            let rules = object.list("/spec/ingress").iter();
            rules
                .flat_map(|rule| list(&rule["ports"]))
                .map(|port| port["port"].clone())
                .collect()
        }
        _ => Vec::new(),
    }
}

fn has_port(pod: &Value, port: &Value) -> bool {
    let containers = list(&pod["spec"]["containers"]).iter();
    let mut ports = containers.flat_map(|container| list(&container["ports"]));
    ports.any(|there| there["name"] == *port || there["containerPort"] == *port)
}

fn scraped(monitor: &Object, objects: &[Object]) -> Vec<String> {
    let selector = monitor.table("/spec/selector/matchLabels");
    let services: Vec<_> = of_kind(objects, "Service")
        .filter(|service| fits(&selector, service.at("/metadata/labels")))
        .collect();
    let ports = |service: &&Object| service.list("/spec/ports").to_vec();
    let there: Vec<_> = services.iter().flat_map(ports).collect();
    let mut faults = Vec::new();
    if services.len() != 1 {
        faults.push(format!(
            "{} finds {} Services",
            monitor.id(),
            services.len()
        ));
    }
    for endpoint in monitor.list("/spec/endpoints") {
        if !there.iter().any(|port| port["name"] == endpoint["port"]) {
            faults.push(format!("{}: no port {}", monitor.id(), endpoint["port"]));
        }
    }
    faults
}

/// Whether an Ingress, a Route and a policy of it name a port that the Service has.
fn entrances(objects: &[Object]) -> Vec<String> {
    let mut asked = Vec::new();
    for ingress in of_kind(objects, "Ingress") {
        let service = ingress.at("/spec/rules/0/http/paths/0/backend/service");
        asked.push((
            ingress,
            service["name"].clone(),
            service["port"]["name"].clone(),
        ));
    }
    for route in of_kind(objects, "HTTPRoute") {
        let service = route.at("/spec/rules/0/backendRefs/0");
        asked.push((route, service["name"].clone(), service["port"].clone()));
    }
    for policy in of_kind(objects, "BackendTLSPolicy") {
        let service = policy.at("/spec/targetRefs/0");
        asked.push((
            policy,
            service["name"].clone(),
            service["sectionName"].clone(),
        ));
    }
    let has = |name: &Value, port: &Value| {
        of_kind(objects, "Service").any(|service| {
            let mut ports = service.list("/spec/ports").iter();
            *name == service.name()
                && ports.any(|there| there["name"] == *port || there["port"] == *port)
        })
    };
    let lost = asked.iter().filter(|(_, name, port)| !has(name, port));
    lost.map(|(object, name, port)| format!("{}: no Service {name} with port {port}", object.id()))
        .collect()
}

fn references(objects: &[Object], _: &Service) -> Vec<String> {
    let mut made: BTreeSet<String> = objects.iter().map(Object::id).collect();
    for object in objects {
        match object.kind() {
            "ExternalSecret" => made.insert(format!("Secret/{}", object.text("/spec/target/name"))),
            "Certificate" => made.insert(format!("Secret/{}", object.text("/spec/secretName"))),
            _ => false,
        };
    }
    let mut asked = Vec::new();
    for object in objects {
        if object.kind() == "HorizontalPodAutoscaler" {
            let target = object.at("/spec/scaleTargetRef");
            asked.push(format!(
                "{}/{}",
                word(&target["kind"]),
                word(&target["name"])
            ));
        }
        if let Some(pods) = object.pods() {
            asked.extend(asked_by(&pods["spec"]));
        }
    }
    let lost = asked.into_iter().filter(|id| !made.contains(id));
    lost.map(|id| format!("nobody makes {id}")).collect()
}

/// All of a pod: those that come first, and those that stay.
fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    let first = list(&spec["initContainers"]).iter();
    first.chain(list(&spec["containers"]))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn asked_by(spec: &Value) -> Vec<String> {
    let mut asked = vec![format!(
        "ServiceAccount/{}",
        word(&spec["serviceAccountName"])
    )];
    for volume in list(&spec["volumes"]) {
        for (kind, name) in [
            ("Secret", &volume["secret"]["secretName"]),
            (
                "PersistentVolumeClaim",
                &volume["persistentVolumeClaim"]["claimName"],
            ),
        ] {
            asked.extend(name.as_str().map(|name| format!("{kind}/{name}")));
        }
        for source in list(&volume["projected"]["sources"]) {
            let name = source["configMap"]["name"].as_str();
            asked.extend(name.map(|name| format!("ConfigMap/{name}")));
        }
    }
    for container in containers(spec) {
        let from = list(&container["envFrom"]).iter();
        let one = list(&container["env"])
            .iter()
            .map(|variable| &variable["valueFrom"]);
        for source in from.chain(one) {
            for (kind, key) in [
                ("ConfigMap", "configMapRef"),
                ("ConfigMap", "configMapKeyRef"),
                ("Secret", "secretRef"),
                ("Secret", "secretKeyRef"),
            ] {
                let name = source[key]["name"].as_str();
                asked.extend(name.map(|name| format!("{kind}/{name}")));
            }
        }
    }
    asked
}

fn numbers(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in objects {
        let id = object.id();
        if object.kind() == "HorizontalPodAutoscaler"
            && object.number("/spec/minReplicas") > object.number("/spec/maxReplicas")
        {
            faults.push(format!("{id}: minReplicas is above maxReplicas"));
        }
        if object.kind() == "CronJob" && !is_schedule(object.text("/spec/schedule")) {
            faults.push(format!(
                "{id}: no such time: {}",
                object.text("/spec/schedule")
            ));
        }
        for endpoint in object.list("/spec/endpoints") {
            let [interval, timeout] = ["interval", "scrapeTimeout"]
                .map(|key| super::object::duration(word(&endpoint[key])));
            if timeout > interval {
                faults.push(format!("{id}: scrapeTimeout is above interval"));
            }
        }
        let containers = object.pods().map(|pods| containers(&pods["spec"]));
        for container in containers.into_iter().flatten() {
            faults.extend(
                numbers_of(container)
                    .into_iter()
                    .map(|fault| format!("{id}: {fault}")),
            );
        }
    }
    faults
}

fn numbers_of(container: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let probed = &container[probe];
        if number(&probed["timeoutSeconds"]) > number(&probed["periodSeconds"]) {
            faults.push(format!("{probe}: timeoutSeconds is above periodSeconds"));
        }
    }
    for resource in ["cpu", "memory", "ephemeral-storage"] {
        let [request, limit] =
            ["requests", "limits"].map(|of| quantity(word(&container["resources"][of][resource])));
        match (request, limit) {
            (Some(request), Some(limit)) if request <= limit => {}
            (Some(_), Some(_)) => {
                faults.push(format!("{resource}: the request is above the limit"))
            }
            _ => faults.push(format!("{resource} has no request or no limit")),
        }
    }
    faults
}

/// `250m`, `64Mi`, `2`, in thousandths.
fn quantity(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let count: u64 = text[..digits].parse().ok()?;
    Some(
        count
            * match &text[digits..] {
                "m" => 1,
                "" => 1000,
                "Ki" => 1000 << 10,
                "Mi" => 1000 << 20,
                "Gi" => 1000 << 30,
                _ => return None,
            },
    )
}

/// Five fields, each a star, a number, or a step, within what a clock and a calendar have.
fn is_schedule(text: &str) -> bool {
    const BOUNDS: [(u64, u64); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    let fields: Vec<_> = text.split(' ').collect();
    fields.len() == BOUNDS.len()
        && fields.iter().zip(BOUNDS).all(|(field, (least, most))| {
            let number = field.trim_start_matches("*/");
            *field == "*" || number.parse().is_ok_and(|n| (least..=most).contains(&n))
        })
}

/// Pod Security Standards, `restricted`, and what goes beyond that.
fn restricted(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in objects {
        let Some(pods) = object.pods() else { continue };
        let spec = &pods["spec"];
        let mut wants = |is_so: bool, what: &str| {
            if !is_so {
                faults.push(format!("{}: {what}", object.id()));
            }
        };
        let context = &spec["securityContext"];
        wants(context["runAsNonRoot"] == true, "may run as root");
        wants(
            number(&context["runAsUser"]).is_some_and(|id| id > 0),
            "has no user",
        );
        wants(
            context["seccompProfile"]["type"] == "RuntimeDefault",
            "may call all of the system",
        );
        wants(
            spec["automountServiceAccountToken"] == false,
            "has a token of the API server",
        );
        wants(
            spec["enableServiceLinks"] == false,
            "has variables that nobody wrote",
        );
        for host in ["hostNetwork", "hostPID", "hostIPC"] {
            wants(spec[host].is_null(), host);
        }
        for volume in list(&spec["volumes"]) {
            wants(
                volume["hostPath"].is_null(),
                "reaches into the node's files",
            );
        }
        for container in containers(spec) {
            let context = &container["securityContext"];
            wants(
                context["allowPrivilegeEscalation"] == false,
                "may gain privileges",
            );
            wants(
                context["readOnlyRootFilesystem"] == true,
                "may write to its own image",
            );
            wants(context["privileged"] == false, "is privileged");
            wants(
                context["capabilities"]["drop"] == serde_json::json!(["ALL"]),
                "has capabilities",
            );
            wants(
                context["capabilities"]["add"].is_null(),
                "gains capabilities",
            );
        }
    }
    faults
}

fn pinned(objects: &[Object], _: &Service) -> Vec<String> {
    let Some(api) = find(objects, "Deployment", "-api") else {
        return vec!["no Deployment".to_owned()];
    };
    // `ci/deploy` puts in that of the release.
    let own = api.at("/spec/template/spec/containers/0/image");
    let mut faults = Vec::new();
    for object in objects {
        let Some(pods) = object.pods() else { continue };
        let images = containers(&pods["spec"]).map(|container| &container["image"]);
        let mut loose = images.filter(|image| *image != own && !word(image).contains("@sha256:"));
        if let Some(image) = loose.next() {
            faults.push(format!("{}: {image}", object.id()));
        }
    }
    faults
}

fn named(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(api) = find(objects, "Deployment", "-api") else {
        return vec!["no Deployment".to_owned()];
    };
    let label = |object: &Object| object.at("/metadata/labels")[NAME].clone();
    let (service, namespace) = (label(api), api.text("/metadata/namespace"));
    let service_name = word(&service).to_owned();
    for object in objects {
        let id = object.id();
        if label(object) != service || !object.name().starts_with(&format!("{service_name}-")) {
            faults.push(format!("{id} is not told apart by {service_name}"));
        }
        if object.text("/metadata/namespace") != namespace {
            faults.push(format!("{id} is in another namespace"));
        }
        if object.kind() == "NetworkPolicy" {
            if object.at("/spec/podSelector/matchLabels")[NAME] != service {
                faults.push(format!("{id} selects pods of others"));
            }
            let peers = [object.list("/spec/ingress"), object.list("/spec/egress")].concat();
            if peers.iter().any(|rule| rule.to_string().contains(NAME)) {
                faults.push(format!("{id}: the name was put into a peer's selector"));
            }
        }
        for rule in object
            .list("/spec/groups")
            .iter()
            .flat_map(|group| list(&group["rules"]))
        {
            let expression = word(&rule["expr"]);
            // Backups are told of by others than the service: their job is another.
            let label = match object.name().ends_with("-backup") {
                true => "service=",
                false => "job=",
            };
            if expression.split('"').nth(1) != Some(&service_name)
                || expression.matches(label).count() != 1
            {
                faults.push(format!("{id}: not of this service alone: {expression}"));
            }
        }
        if object
            .annotation("grafana_folder")
            .is_some_and(|folder| folder != service_name)
        {
            faults.push(format!("{id} is in another service's folder"));
        }
    }
    faults
}

fn neighbours(objects: &[Object], _: &Service) -> Vec<String> {
    const SELECTOR: &str = "/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/0/labelSelector/matchLabels";
    let Some(replicas) = find(objects, "Deployment", "-api").and_then(Object::pods) else {
        return vec!["no Deployment".to_owned()];
    };
    let mut faults = Vec::new();
    for object in objects {
        let Some(pods) = object.pods() else { continue };
        let Some(selector) = pods.pointer(SELECTOR).and_then(Value::as_object) else {
            continue;
        };
        for (is_so, what) in [
            (selector.contains_key(NAME), "goes to pods of others"),
            (fits(selector, labels(replicas)), "does not go to a replica"),
            // The scheduler lets the first of them go anywhere.
            (fits(selector, labels(pods)), "waits for a replica for ever"),
        ] {
            if !is_so {
                faults.push(format!("{}: {what}", object.id()));
            }
        }
    }
    faults
}

fn updates(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for deployment in of_kind(objects, "Deployment") {
        let strategy = deployment.at("/spec/strategy");
        let writes_alone =
            of_kind(objects, "PersistentVolumeClaim").any(|claim| claim.name().ends_with("-data"));
        let right = match writes_alone {
            // Two writers are worse than a gap, and none may be scaled to two.
            true => {
                strategy["type"] == "Recreate"
                    && strategy["rollingUpdate"].is_null()
                    && deployment.number("/spec/replicas") == Some(1)
                    && of_kind(objects, "HorizontalPodAutoscaler").next().is_none()
            }
            false => {
                number(&strategy["rollingUpdate"]["maxUnavailable"]) == Some(0)
                    && number(&strategy["rollingUpdate"]["maxSurge"]) == Some(1)
            }
        };
        if !right {
            faults.push(format!("{}: {strategy}", deployment.id()));
        }
    }
    faults
}
