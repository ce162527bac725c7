"""explore in a real browser, where there is one: Chromium, its driver and selenium."""

import io
import json
import shutil
import time

import numpy as np
import pytest
from discovery.exploring import exploring
from latents.tables import latent_table
from PIL import Image

webdriver = pytest.importorskip("selenium.webdriver", reason="explore in a browser: selenium is not installed")

_PATIENCE = 60

# The projector draws itself in nested shadow trees, which no selector looks into.
_SEEN = """
const found = [];
(function walk(root) {
    for (const element of root.querySelectorAll("*")) {
        found.push(element);
        if (element.shadowRoot) walk(element.shadowRoot);
    }
})(document);
const text = name => found.filter(e => e.classList.contains(name)).map(e => e.textContent.trim()).join();
const panel = found.find(e => e.tagName == "VZ-PROJECTOR");
return {
    points: text("numDataPoints"), dimensions: text("dim"),
    sprite: panel && panel.dataSet && panel.dataSet.spriteAndMetadataInfo
        && panel.dataSet.spriteAndMetadataInfo.spriteImage.naturalWidth,
    first: panel && panel.dataSet && panel.dataSet.points[0].metadata.id,
};
"""


@pytest.fixture
def browser():
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("explore in a browser: no chromium with chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        *("--headless=new", "--no-sandbox", "--no-first-run", "--disable-dev-shm-usage", "--window-size=1400,900"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        "--enable-unsafe-swiftshader",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield driver
    driver.quit()


def test_the_page_opens_with_points_and_thumbnails(records, tmp_path, browser):
    latents = latent_table(80, 4, id=np.array([f"g{index:04d}" for index in range(80)]))
    latents.save(tmp_path / "latents.parquet")
    with exploring(tmp_path / "latents.parquet", records, tmp_path / "out") as address:
        browser.get(address)
        for _ in range(2):  # TensorBoard frames its plugins, and the projector itself once more
            browser.switch_to.frame(_wait(lambda: browser.find_elements("tag name", "iframe"))[0])
        seen = _wait(lambda: (value := browser.execute_script(_SEEN))["sprite"] and value)
        assert seen == {"points": "80", "dimensions": "4", "sprite": 9 * 64, "first": "g0000"}
        _wait(lambda: _colours(browser) > 1000)  # the noise of the pictures; points would have a few
        requested = [
            json.loads(entry["message"])["message"]["params"]["request"]["url"]
            for entry in browser.get_log("performance")
            if '"Network.requestWillBeSent"' in entry["message"]
        ]
        # Nothing comes from elsewhere: it works without a network.
        assert requested and all(url.startswith((address.split("#")[0], "data:", "blob:")) for url in requested)


def _colours(browser):
    """Count the colours in the middle of the page, where the points are drawn."""
    page = np.asarray(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB"))
    height, width = page.shape[:2]
    middle = page[height // 4 : -height // 4, width // 4 : -width // 4]
    return len(np.unique(middle.reshape(-1, 3), axis=0))


def _wait(found):
    end = time.monotonic() + _PATIENCE
    while not (value := found()):
        assert time.monotonic() < end, "the page does not get there"
        time.sleep(0.5)
    return value
