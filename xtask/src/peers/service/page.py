"""The page of `vmie serve` in a headless Chromium: a task watched to its end, a refused image's findings read.

Usage: page.py VMIE OVA CHROMIUM [PICTURES]

VMIE is the command, OVA the demo guest, CHROMIUM the browser. Tasks are asked for with boto3, and all else is seen in
the page alone. PICTURES is a folder that pictures of the page are put into.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import guests
import service
from chromium import Chromium
from service import IMPORTS, Server, check, run, same
from store import Store

VMIE, OVA, CHROMIUM = sys.argv[1:4]
PICTURES = sys.argv[4] if len(sys.argv) > 4 else None
service.VMIE = VMIE
DESKTOP, PHONE = dict(width=1000, height=760), dict(width=390, height=844, mobile=True)
# What a page that took texts for markup would run.
HOSTILE = "</span><script>window.hacked = 1</script><img src=x onerror=\"window.hacked = 2\"> & 'so on'"

FIND = """const rowOf = id => [...document.querySelectorAll("li.task")].find(
  one => one.querySelector(".id").textContent === id);"""


def of_row(task, expression):
    """An expression on the row of a task, which is null while there is none."""
    return f"(() => {{ {FIND} const row = rowOf({task!r}); return row && ({expression}); }})()"


def picture(page, name, height=None):
    if PICTURES:
        page.ask("scrollTo(0, 0)")
        path = os.path.join(PICTURES, f"page-{name}.png")
        page.picture(path, height)
        check(os.path.getsize(path) <= 150 << 10, f"{path} has {os.path.getsize(path)} bytes")


def fits(page, what):
    """Nothing is wider than the screen, and what is touched is large enough for a finger."""
    page.size(**PHONE)
    width = page.ask("document.documentElement.scrollWidth")
    check(width <= PHONE["width"], f"{what}: {width} pixels wide on a phone of {PHONE['width']}")
    small = page.ask("""[...document.querySelectorAll("summary, select, button, input")].filter(
        one => one.getClientRects().length && one.getBoundingClientRect().height < 40).map(one => one.outerHTML)""")
    same(f"{what}: too small for a finger", small, [])
    # A column that has no room makes a line of every letter.
    high = page.ask("""[...document.querySelectorAll(".id, .status, .kind, .what, dt, dd")].filter(
        one => one.getBoundingClientRect().height > 160).map(one => one.className + " " + one.textContent)""")
    same(f"{what}: squeezed", high, [])


def wide(page):
    page.size(**DESKTOP)


def sign_in(browser, server):
    """Without the token there is a form and nothing else; it is filled in by the keyboard."""
    page = browser.page(**DESKTOP)
    page.go(server.page.split("#")[0])
    page.wait("!document.getElementById('ask').hidden", "the form is not shown")
    same("no task without the token", page.ask("document.querySelectorAll('li.task').length"), 0)
    policy = page.headers.get("content-security-policy", "")
    check("default-src 'none'" in policy and "unsafe" not in policy, f"the policy is {policy!r}")
    for text in ("not it", server.page.split("token=")[1]):
        tab_to(page, "the field of the token", "document.activeElement.id === 'token'", 4)
        page.ask("document.activeElement.select()")
        page.type(text)
        page.press("Enter")
        if text == "not it":
            page.wait("document.getElementById('state').textContent.includes('token')", "a wrong token is not said to be one")
    page.wait("document.getElementById('ask').hidden", "the token is not taken")
    # The wrong tokens are in the console, as answers of the server are.
    check(all("401" in said for said in page.said), f"in the console: {page.said}")


def tab_to(page, what, there, most):
    """With Tab to something, unless the focus is there already."""
    for _ in range(most):
        if page.ask(there):
            return
        page.press("Tab")
    check(page.ask(there), f"Tab does not come to {what}")


def open_by_keyboard(page, task):
    """From the top of the page with Tab to a task, and with Enter to its report."""
    page.ask("document.activeElement.blur()")
    rows = page.ask("document.querySelectorAll('li.task').length")
    tab_to(page, task, of_row(task, "document.activeElement === row.querySelector('summary')"), rows + 4)
    outline = page.ask("getComputedStyle(document.activeElement).outlineStyle")
    same("the focus is seen", outline, "solid")
    page.press("Enter")
    page.wait(of_row(task, "row.querySelector('details').open && row.querySelector('.more dl') !== null"), f"{task} is not opened")


def snapshot(page, server, ec2):
    """A task that was over before anybody looked."""
    with open(server.bucket(IMPORTS, "disks/data.raw"), "wb") as file:
        file.write(random.Random(3).randbytes(2 << 20))
    task = ec2.import_snapshot(Description="A disk of data", DiskContainer=dict(Format="RAW", UserBucket=dict(
        S3Bucket=IMPORTS, S3Key="disks/data.raw")))["ImportTaskId"]
    same("a snapshot", service.snapshot_task(ec2, task)["state"], "completed")
    page.wait(of_row(task, "row.classList.contains('completed')"), "a task that came by itself is not shown")


def watched(page, ec2, store, reference, scratch):
    """An import to its end, in the page, which is never loaded again."""
    disk, image = os.path.join(scratch, "server.raw"), os.path.join(scratch, "server.vmdk")
    run("cp", "--sparse=always", reference, disk)
    # All over the disk, in what its filesystem does not use.
    with open(disk, "r+b") as file:
        for start in range(66 << 20, os.path.getsize(disk) - (64 << 20), 32 << 20):
            if start >> 25 & 3 in (2, 3):
                file.seek(start)
                file.write(random.Random(start).randbytes(1 << 20))
    run(VMIE, "convert", "-f", "raw", "-O", "vmdk", disk, image)
    with open(image, "rb") as file:
        store.put("server.vmdk", file.read())
    store.slow("server.vmdk", 3 << 20)
    page.ask("window.kept = 'since the start'")
    loads = page.loads
    task = ec2.import_image(Description="A server", DiskContainers=[dict(
        Format="VMDK", Url=store.url("server.vmdk"))])["ImportTaskId"]
    bar = "row.querySelector('progress').value"
    page.wait(of_row(task, "row.classList.contains('active')"), "the task is not shown as active")
    page.wait(of_row(task, "row.querySelector('.what').textContent === 'converting'"), "it is not shown to be converted")
    open_by_keyboard(page, task)
    page.wait(of_row(task, "row.querySelector('.more').textContent.includes('Debian')"), "the report of a running task is not shown")
    seen = [page.ask(of_row(task, bar))]
    for number in range(3):
        seen.append(page.wait(of_row(task, f"{bar} > {seen[-1]} && {bar}"), "the progress does not move"))
        same("the words and the bar say the same",
             page.ask(of_row(task, f"row.querySelector('.status').textContent === `active ${{{bar}}} %`")), True)
        if number == 1:
            picture(page, "running")
            fits(page, "a running task")
            picture(page, "running-phone")
            wide(page)
        # What is under way does not take anything from whoever reads.
        same("it stays open", page.ask(of_row(task, "row.querySelector('details').open")), True)
        same("it keeps the focus", page.ask(of_row(task, "document.activeElement === row.querySelector('summary')")), True)
    page.wait(of_row(task, "row.classList.contains('completed')"), "the task does not come to its end in the page")
    same("the bar is gone", page.ask(of_row(task, "row.querySelector('progress').hidden")), True)
    made = ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"][0]["ImageId"]
    page.wait(of_row(task, f"row.querySelector('.more').textContent.includes({made!r})"), "the image is not shown")
    page.wait(of_row(task, "row.querySelector('.more').textContent.includes('accepted')"), "the verdict is not shown")
    same("the page was never loaded again", (page.ask("window.kept"), page.loads - loads), ("since the start", 0))
    print(f"the progress on the page: {seen}, completed", flush=True)
    picture(page, "completed")
    fits(page, "a completed task")
    picture(page, "completed-phone")
    wide(page)
    page.press("Enter")
    return task


def refused(page, server, ec2, reference, scratch):
    """A guest that is refused for two reasons, whose texts are markup."""
    disk = os.path.join(scratch, "refused.raw")
    name = guests.file_of(scratch, "os-release", f"NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='{HOSTILE.replace(chr(39), '')}'\n".encode())
    guests.changed(reference, disk, "rm /etc/fstab", "rm /etc/os-release", "rm /usr/lib/os-release",
                   f"write {name} /etc/os-release", *bad_initramfs(reference, scratch))
    shutil.copy(disk, server.bucket(IMPORTS, "refused.raw"))
    told = judged(disk)
    findings = [one for one in told["findings"] if one["severity"] == "refuse"]
    check(len(findings) >= 2, f"the guest is refused for {findings}")
    task = ec2.import_image(Description=HOSTILE, DiskContainers=[dict(Format="RAW", UserBucket=dict(
        S3Bucket=IMPORTS, S3Key="refused.raw"))])["ImportTaskId"]
    page.wait(of_row(task, "row.classList.contains('deleted')"), "the refused image is not shown as such")
    open_by_keyboard(page, task)
    shown = page.wait(of_row(task, "row.querySelector('.more .refuse') && row.querySelector('.more').innerText"), "no reason is shown")
    for one in findings:
        for what in ("title", "remedy"):
            check(one[what] in shown, f"the page does not show the {what} {one[what]!r}: {shown!r}")
    for one in findings[0]["svc"]:
        check(one in shown, f"the page does not show {one}")
    check(findings[0]["service_message"] in shown, f"the page does not show the service's words: {shown!r}")
    same("the description is shown letter for letter", page.ask(of_row(task, "row.querySelector('dd').textContent")), HOSTILE)
    same("no text is markup", page.ask("[window.hacked, document.querySelectorAll('main script, main img').length]"), [None, 0])
    print(f"refused for {len(findings)} reasons, all of them on the page", flush=True)
    picture(page, "refused")
    fits(page, "a refused image")
    picture(page, "refused-phone")
    wide(page)
    page.press("Enter")
    return task


def bad_initramfs(reference, scratch):
    """The commands that make the initramfs one that cannot be read."""
    run("debugfs", "-R", f"dump /boot/grub/grub.cfg {scratch}/grub.cfg", f"{reference}?offset={guests.ROOT}")
    with open(f"{scratch}/grub.cfg") as file:
        kernel = file.read().split("/boot/vmlinuz-")[1].split()[0]
    file = guests.file_of(scratch, "initrd", b"\x28\xb5\x2f\xfd" + bytes(4000))
    return f"rm /boot/initrd.img-{kernel}", f"write {file} /boot/initrd.img-{kernel}"


def judged(disk):
    """What `vmie preflight` says of a disk that it refuses."""
    return json.loads(subprocess.run([VMIE, "preflight", "--json", "-f", "raw", disk], capture_output=True).stdout)


def filtered(page, completed, deleted):
    """The list of some tasks; all are shown again afterwards."""
    for value, there, gone in (("completed", completed, deleted), ("deleted", deleted, completed)):
        page.ask(f"""(() => {{ const filter = document.getElementById("filter"); filter.value = {value!r};
            filter.dispatchEvent(new Event("change")); }})()""")
        page.wait(of_row(there, "true"), f"{value} tasks are not shown")
        page.wait(f"!({of_row(gone, 'true')})", f"{gone} is shown among {value} tasks")
    page.ask("""(() => { const filter = document.getElementById("filter"); filter.value = "";
        filter.dispatchEvent(new Event("change")); })()""")
    page.wait(of_row(completed, "true"), "not all tasks are shown")


def everything_open(page):
    """All reports at once on a phone."""
    page.ask("document.querySelectorAll('li.task details').forEach(one => { one.open = true; })")
    page.wait("[...document.querySelectorAll('.more')].every(one => one.children.length)", "not all tasks are filled")
    fits(page, "all tasks open")
    wide(page)


def policy_holds(browser, server, store):
    """What is put into the page from outside neither runs nor asks anybody."""
    page = browser.page(**DESKTOP)
    page.go(server.page)
    page.wait("document.getElementById('state').textContent.includes('active of')", "the page does not look")
    before = len(store.asked)
    page.ask("window.refused = []; document.addEventListener('securitypolicyviolation', event => refused.push(event.effectiveDirective)); 0")
    page.ask("document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.hacked = 1' })); 0")
    page.ask(f"document.body.append(Object.assign(document.createElement('img'), {{ src: {store.url('server.vmdk')!r} }})); 0")
    page.ask("""(() => { const one = document.createElement("div"); one.innerHTML = "<b onclick='window.hacked = 2'>x</b>";
        document.body.append(one); one.firstChild.click(); })()""")
    page.ask(f"fetch({store.url('server.vmdk')!r}).then(() => {{ window.hacked = 3; }}, () => 0)")
    page.ask(f"document.body.append(Object.assign(document.createElement('iframe'), {{ src: {server.url!r} }})); 0")
    page.wait("refused.length >= 5", "what is forbidden is not refused")
    same("what is refused", sorted(page.ask("refused")),
         ["connect-src", "frame-src", "img-src", "script-src-attr", "script-src-elem"])
    same("nothing foreign ran", page.ask("window.hacked === undefined"), True)
    same("nobody was asked", len(store.asked), before)


def main():
    scratch = tempfile.mkdtemp(prefix="vmie-page-")
    server = browser = None
    try:
        store = Store(os.path.join(scratch, "store"))
        server = Server(os.path.join(scratch, "data"), "--allow-url", store.host, "--url-ca", store.certificate)
        ec2 = server.client()
        reference = os.path.join(scratch, "reference.raw")
        run(VMIE, "convert", "-O", "raw", OVA, reference)
        browser = Chromium(CHROMIUM, os.path.join(scratch, "chromium.log"))
        print(browser.call("Browser.getVersion")["product"], flush=True)
        sign_in(browser, server)
        page = browser.page(**DESKTOP)
        page.go(server.page)
        page.wait("!document.getElementById('none').hidden", "an empty list does not say that it is empty")
        same("the token does not stay in the address", page.ask("location.href"), f"{server.url}/")
        snapshot(page, server, ec2)
        completed = watched(page, ec2, store, reference, scratch)
        deleted = refused(page, server, ec2, reference, scratch)
        filtered(page, completed, deleted)
        everything_open(page)
        same("nothing in the console", page.said, [])
        foreign = [url for url in page.asked if not url.startswith((f"{server.url}/", "data:,"))]
        same("nobody else was asked", foreign, [])
        print(f"{len(page.asked)} requests, all of them to the service", flush=True)
        policy_holds(browser, server, store)
        log = open(f"{server.data}.log").read()
        check("panicked" not in log, "something panicked")
        check(server.page.split("token=")[1] not in log, "the token stands in the log")
        server.stop()
    finally:
        if browser:
            browser.stop()
        if server and server.process.poll() is None:
            server.process.kill()
        shutil.rmtree(scratch)
    service.finish("peers page")


main()
