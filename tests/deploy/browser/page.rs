//! A page in the browser, and what one does with it.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};

use crate::browser::chromium::CHROMIUM;

/// How the page is seen.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub width: u32,
    pub dark: bool,
}

pub const DESKTOP: View = View { width: 1280, dark: false };
pub const PHONE: View = View { width: 360, dark: false };

/// Collects what the browser tells to pages only.
const VIOLATIONS: &str = "window.violations = []; addEventListener('securitypolicyviolation', \
                          (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`))";

/// A page in a context of its own: with nothing kept from others, gone when dropped.
pub struct Page {
    base: String,
    context: String,
    target: String,
    session: String,
}

impl Page {
    /// A page of the server at this URL.
    pub fn open(base: &str, path: &str, view: View) -> Self {
        let text = |answer: Value, name: &str| answer[name].as_str().unwrap().to_owned();
        let context = text(CHROMIUM.call("", "Target.createBrowserContext", json!({})), "browserContextId");
        let made = json!({"url": "about:blank", "browserContextId": context});
        let target = text(CHROMIUM.call("", "Target.createTarget", made), "targetId");
        let attach = json!({"targetId": target, "flatten": true});
        let session = text(CHROMIUM.call("", "Target.attachToTarget", attach), "sessionId");
        let page = Self { base: base.to_owned(), context, target, session };
        for domain in ["Page", "Runtime", "Log", "Network", "DOM", "Accessibility"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": VIOLATIONS}));
        page.see(view);
        page.go(path);
        page
    }

    pub fn call(&self, method: &str, params: Value) -> Value {
        CHROMIUM.call(&self.session, method, params)
    }

    /// Takes another view.
    pub fn see(&self, View { width, dark }: View) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Goes to another page of the server, and waits until its scripts have run.
    pub fn go(&self, path: &str) {
        self.call("Page.navigate", json!({"url": format!("{}{path}", self.base)}));
        self.wait(&format!("location.pathname === '{path}' && document.readyState === 'complete'"));
    }

    /// The value of an expression; promises are waited for.
    pub fn eval(&self, expression: &str) -> Value {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true.
    pub fn wait(&self, expression: &str) {
        let start = Instant::now();
        // An exception means no more than that the page isn't there yet.
        let asked =
            format!("(() => {{ try {{ return Boolean({expression}) }} catch {{ return false }} }})()");
        while self.eval(&asked) != true {
            let late = start.elapsed() > Duration::from_secs(120);
            assert!(!late, "waited too long for {expression}; the page says:\n{}", self.text("main"));
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until the page shows a text.
    pub fn shows(&self, text: &str) {
        self.wait(&format!("document.querySelector('main').innerText.includes({})", json!(text)));
    }

    /// What is shown of the element of this selector; nothing if it isn't there.
    pub fn text(&self, selector: &str) -> String {
        let text = self.eval(&format!("document.querySelector({})?.innerText ?? ''", json!(selector)));
        text.as_str().unwrap().to_owned()
    }

    /// Clicks, as a mouse does, on the first button or summary that begins with this text.
    pub fn click(&self, label: &str) {
        let found = format!(
            "[...document.querySelectorAll('button, summary')].find((one) => one.checkVisibility() \
             && !one.disabled && one.innerText.trim().startsWith({}))",
            json!(label)
        );
        self.wait(&found);
        let place = self.eval(&format!(
            "(() => {{ const one = {found}; one.scrollIntoView({{block: 'center'}}); \
             const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2] }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Puts a text into a field, in the place of what is in it.
    pub fn fill(&self, id: &str, text: &str) {
        self.eval(&format!("document.getElementById('{id}').select()"));
        self.write(text);
    }

    /// The same, once the field is there.
    pub fn fill_when_there(&self, id: &str, text: &str) {
        self.wait(&format!("document.getElementById('{id}').checkVisibility()"));
        self.fill(id, text);
    }

    /// Writes into what has the focus.
    pub fn write(&self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Presses a key: Tab, Enter or Escape.
    pub fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            _ => panic!("no such key: {key}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let event =
                json!({"type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Chooses a file in a file field.
    pub fn choose(&self, id: &str, file: &Path) {
        let root = self.call("DOM.getDocument", json!({}))["root"]["nodeId"].take();
        let query = json!({"nodeId": root, "selector": format!("#{id}")});
        let node = self.call("DOM.querySelector", query)["nodeId"].take();
        self.call("DOM.setFileInputFiles", json!({"nodeId": node, "files": [file]}));
    }

    /// Lets downloads go to a folder.
    pub fn download_to(&self, folder: &Path) {
        let params = json!({"behavior": "allow", "browserContextId": self.context, "downloadPath": folder});
        CHROMIUM.call("", "Browser.setDownloadBehavior", params);
    }

    /// Opens a project with a token.
    pub fn open_project(&self, project: &str, token: &str) {
        self.fill("project", project);
        self.fill("token", token);
        self.click("Open");
    }

    /// URLs of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        let events = CHROMIUM.events(&self.session).into_iter();
        let sent = events.filter(|event| event.method == "Network.requestWillBeSent");
        sent.map(|event| event.params["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    /// Checks that nothing went wrong: no exceptions, no messages on the console, no violation of the policy, no request to anybody
    /// else. Refusals by the API are no trouble of the page's: `refused` are the statuses that the test expects.
    pub fn check(&self, refused: &[u16]) {
        let violations = self.eval("window.violations");
        assert_eq!(violations, json!([]), "violations of the policy");
        for event in CHROMIUM.events(&self.session) {
            let entry = &event.params["entry"];
            let expected = entry["source"] == "network"
                && entry["url"].as_str().is_some_and(|url| url.starts_with(&format!("{}/api/", self.base)))
                && refused.iter().any(|status| {
                    entry["text"].as_str().is_some_and(|text| text.contains(&format!("status of {status} ")))
                });
            let trouble = match event.method.as_str() {
                "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" => true,
                "Log.entryAdded" => !expected,
                _ => false,
            };
            assert!(!trouble, "{}: {}", event.method, event.params);
        }
        for url in self.requests() {
            let own = url.starts_with(&format!("{}/", self.base))
                || url.starts_with(&format!("blob:{}/", self.base));
            assert!(own, "a request to {url}");
        }
    }

    /// Keeps a picture of the whole page if `BROWSER_SCREENSHOTS` names a folder.
    pub fn picture(&self, name: &str, View { width, dark }: View) {
        let Some(folder) = std::env::var_os("BROWSER_SCREENSHOTS") else { return };
        let height = self.eval("Math.min(document.documentElement.scrollHeight, 8000)");
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let shot = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true, "clip": clip}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let scheme = if dark { "dark" } else { "light" };
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}-{width}-{scheme}.png")), bytes).unwrap();
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            CHROMIUM.call("", "Target.closeTarget", json!({"targetId": self.target}));
            CHROMIUM.call("", "Target.disposeBrowserContext", json!({"browserContextId": self.context}));
        }
    }
}
