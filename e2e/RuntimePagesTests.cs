using System.Text.Json;
using ControlCenter.TestSupport;
using Microsoft.Playwright;
using Npgsql;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

/// <summary>A host that runs agents itself, and a browser.</summary>
public sealed class RunningBrowser() : Browser(new HostProcess(localRunner: true));

[Takes(seconds: 90)]
public sealed class RuntimePagesTests(RunningBrowser browser) : IClassFixture<RunningBrowser>
{
    private const int Lines = 120_000;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_runs_is_on_its_pages_live_with_its_whole_output_and_does_what_it_is_told()
    {
        await using var runner = await FakeRunner.JoinAsync(browser.Host, "studio", ["studio"], Stop);
        await DefineAsync("coder", "code");
        await DefineAsync("writer", "prose");
        var (page, complaints) = await browser.SignInAsync();
        var ticket = (await browser.Host.Founder.PostAsync("tickets", new { title = "Rebuild the importer", project = "atlas" }, Stop))["key"];
        var task = await TaskAsync(ticket, "Move the importer to streams", "code");
        await TaskAsync(ticket, "Record the demonstration", "video");

        await page.GotoAsync("/runtimes");
        var row = page.Locator("tr", new() { HasText = "coder" });
        await Expect(row).ToContainTextAsync("Ready", new() { Timeout = 60_000 });
        await Expect(page.Locator("section[aria-label=Queue]")).ToContainTextAsync("no agent's definition has the capability video", new() { Timeout = 60_000 });
        var runtime = (await row.Locator("a").First.GetAttributeAsync("href"))!.Split('/')[^1];
        await runner.SayAsync(runtime, Enumerable.Range(0, Lines).Select(Line), Stop);

        await page.GotoAsync($"/runtimes/{runtime}");
        await Expect(page.Locator(".term-row").Last).ToContainTextAsync($"step {Lines - 1}");
        await Expect(page.Locator("[data-lines]")).ToContainTextAsync("120,000 lines");
        (await page.Locator(".term-row").CountAsync()).ShouldBeLessThanOrEqualTo(600, "what is not in sight is not in the page");
        await runner.SayAsync(runtime, ["\u001b[1;32mfollowed\u001b[0m <b>not markup</b>"], Stop);
        await Expect(page.Locator(".term-row").Last).ToContainTextAsync("followed <b>not markup</b>");
        await Expect(page.Locator(".term-row").Last.Locator(".ansi-green")).ToHaveTextAsync("followed");

        // Away from the end nothing moves that is looked at, however much comes.
        await page.EvaluateAsync("(() => { const v = document.querySelector('.term-view'); v.dispatchEvent(new WheelEvent('wheel', { deltaY: -100 })); v.scrollTop = v.scrollHeight / 2; })()");
        await Expect(page.Locator("button", new() { HasText = "Follow" })).ToHaveAttributeAsync("aria-pressed", "false");
        var middle = await InSightAsync(page, 30_000, 90_000);
        await runner.SayAsync(runtime, Enumerable.Range(0, 500).Select(i => $"later {i}"), Stop);
        await Expect(page.Locator("[data-lines]")).ToContainTextAsync("120,501 lines");
        (await FirstInSightAsync(page)).ShouldBe(middle);

        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync("needle 77777");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(".term-marked")).ToContainTextAsync("needle 77777");
        await Expect(page.Locator(".term-search [role=status]")).ToHaveTextAsync("1 of 1");
        await LookAsync(page, "runtime-search");
        await page.Locator(".term-view").FocusAsync();
        await page.Keyboard.PressAsync("Home");
        await Expect(page.Locator(".term-row").First).ToContainTextAsync("step 0 ");
        await page.Keyboard.PressAsync("End");
        await Expect(page.Locator(".term-row").Last).ToContainTextAsync("later 499");

        await page.ClickAsync(".page-head >> text=Pause");
        await page.FillAsync("dialog[data-modal] textarea", "Wait for the schema.");
        await page.ClickAsync("dialog[data-modal] .primary");
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Paused", new() { Timeout = 60_000 });
        await Expect(page.Locator("section", new() { HasText = "Told" }).Last).ToContainTextAsync("Effective");
        await page.ClickAsync(".page-head >> text=Resume");
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Ready", new() { Timeout = 60_000 });

        await page.GotoAsync($"/work/tasks/{task}");
        await Expect(page.Locator("section", new() { HasText = "Why this agent" }).Last).ToContainTextAsync("coder on studio scored");
        await SoundAsync(runtime, task);
        complaints.Where(c => !c.Contains("404", StringComparison.Ordinal)).ShouldBeEmpty();

        await page.GotoAsync($"/runtimes/{runtime}");
        await page.ClickAsync(".page-head >> text=Stop");
        await page.ClickAsync("dialog[data-modal] .danger");
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Stopped", new() { Timeout = 60_000 });
        await Expect(page.Locator("[data-lines]")).ToContainTextAsync("complete", new() { Timeout = 60_000 });
        await page.ClickAsync("text=its conversation");
        await Expect(page.Locator("text=As it was when it was closed")).ToBeVisibleAsync(new() { Timeout = 60_000 });
    }

    [Fact]
    public async Task A_host_is_let_in_with_the_command_that_joins_it_and_a_definition_is_written_and_started_on_the_pages()
    {
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/hosts");
        await page.ClickAsync(".page-head >> text=Add host");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "attic");
        await page.FillAsync("dialog[data-modal] input >> nth=1", "gpu, slow");
        await page.ClickAsync("dialog[data-modal] .primary");
        await Expect(page.Locator("dialog[data-modal] pre")).ToContainTextAsync($"./devxio host join --bus {browser.Host.Address.ToString().TrimEnd('/')} --key ");
        await page.ClickAsync("dialog[data-modal] >> text=Done");
        var card = page.Locator("section[aria-label=attic]");
        await Expect(card).ToContainTextAsync("Invited");
        await card.Locator("text=Remove").ClickAsync();
        await page.ClickAsync("dialog[data-modal] .danger");
        await Expect(card).ToHaveCountAsync(0);

        await page.GotoAsync("/agents/definitions");
        await page.ClickAsync(".page-head >> text=New definition");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "Not A Name");
        await page.FillAsync("dialog[data-modal] textarea >> nth=0", "sleep\n60");
        await page.ClickAsync("dialog[data-modal] .primary");
        await Expect(page.Locator("dialog[data-modal] [role=alert]")).ToContainTextAsync("'Not A Name' is not a name");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "night-watch");
        await page.ClickAsync("dialog[data-modal] .primary");
        var written = page.Locator("li.definition", new() { HasText = "night-watch" });
        await Expect(written).ToContainTextAsync("sleep 60");
        await written.Locator("text=Change").ClickAsync();
        await page.FillAsync("dialog[data-modal] input >> nth=1", "Looks after the night.");
        await page.ClickAsync("dialog[data-modal] .primary");
        await Expect(written).ToContainTextAsync("Looks after the night.");
        await Expect(written.Locator("text=Try tools")).ToHaveCountAsync(0);
        var reader = JsonSerializer.SerializeToUtf8Bytes(new { name = "reader", adapter = "model", hooks = new[] { new { on = "start", command = new[] { "make", "deps" } } } });
        (await browser.Host.Founder.SendAsync(HttpMethod.Put, "agent-definitions/reader", reader, null, Stop)).IsRefused.ShouldBeFalse();
        await page.Locator("li.definition", new() { HasText = "reader" }).Locator("text=Try tools").ClickAsync();
        await page.FillAsync("dialog[data-modal] input >> nth=0", "Edit, Bash(git:*)");
        await page.ClickAsync("dialog[data-modal] .primary");
        await Expect(page.Locator("dialog[data-modal] [role=status]")).ToContainTextAsync("Nothing of it ran in 30 days.");
        await LookAsync(page, "try-tools");
        await Expect(page.Locator("li.definition", new() { HasText = "reader" })).ToContainTextAsync("make deps");
        await page.ClickAsync("dialog[data-modal] >> text=Close");
        await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(0);
        await LookAsync(page, "definitions-hooks");
        await written.Locator("text=Start").ClickAsync();
        await page.ClickAsync("dialog[data-modal] .primary");
        await Expect(page.Locator("h1")).ToHaveTextAsync("night-watch");
        await Expect(page.Locator(".phase").First).ToContainTextAsync("Requested");
        complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_terminal_goes_on_where_it_was_when_the_bus_is_back()
    {
        await using var runner = await FakeRunner.JoinAsync(browser.Host, "harbour", ["harbour"], Stop);
        await DefineAsync("keeper", "keep", "harbour");
        var runtime = (await browser.Host.Founder.PostAsync("runtimes", new { definition = "keeper" }, Stop))["runtime_id"];
        await Patience.UntilAsync(async () => (await browser.Host.Founder.GetAsync($"runtimes/{runtime}", Stop)).Body!["runtime"]!["phase"]!.ToString() == "ready", Stop);
        await runner.SayAsync(runtime, Enumerable.Range(0, 1_000).Select(Line), Stop);
        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync($"/runtimes/{runtime}");
        await Expect(page.Locator(".term-row").Last).ToContainTextAsync("step 999");

        await browser.Host.KillAsync();
        await Expect(page.Locator("#components-reconnect-modal")).ToBeVisibleAsync();
        await browser.Host.StartAsync(Stop);
        await runner.SayAsync(runtime, ["said after the restart"], Stop);
        await Expect(page.Locator(".term-row").Last).ToContainTextAsync("said after the restart");
        await Expect(page.Locator("[data-lines]")).ToContainTextAsync("1,001 lines");
        await runner.SayAsync(runtime, ["and it follows"], Stop);
        await Expect(page.Locator(".term-row").Last).ToContainTextAsync("and it follows");
        await page.Locator(".term-view").FocusAsync();
        await page.Keyboard.PressAsync("Home");
        await Expect(page.Locator(".term-row").First).ToContainTextAsync("step 0 ");
    }

    [Fact]
    public async Task A_shell_is_typed_into_by_one_person_at_a_time_and_the_founder_takes_its_keyboard_over()
    {
        var runtime = await ConsoleAsync("console");
        var watch = (await browser.Host.Founder.PostAsync("actors", new { name = "Night watch", role = "emergency_operator" }, Stop))["key"];
        var (operators, complaints) = await browser.SignInAsync(390, ColorScheme.Dark, watch);
        await operators.GotoAsync($"/runtimes/{runtime}");
        await Expect(operators.Locator(".page-head .badge")).ToContainTextAsync("Ready", new() { Timeout = 60_000 });
        await operators.ClickAsync(".keyboard >> text=Take control");
        await TypeAsync(operators, "echo $((6*7))");
        await Expect(operators.Locator(".term-row.term-in").Last).ToHaveTextAsync("echo $((6*7))");
        await Expect(operators.Locator(".term-rows")).ToContainTextAsync("42");

        await TypeAsync(operators, "sleep 600");
        await Patience.UntilAsync(() => AgentProcesses.AreOf(browser.Host.Home, runtime, "sleep"), Stop);
        await operators.Keyboard.PressAsync("Control+C");
        await Expect(operators.Locator(".term-row.term-in").Last).ToHaveTextAsync("[Ctrl-C]");
        await TypeAsync(operators, "echo it ended with $?");
        await Expect(operators.Locator(".term-rows")).ToContainTextAsync("it ended with 130");
        AgentProcesses.AreOf(browser.Host.Home, runtime, "sleep").ShouldBeFalse();
        await Expect(operators.Locator(".term-row.term-in")).ToHaveTextAsync(["echo $((6*7))", "sleep 600", "[Ctrl-C]", "echo it ended with $?"]);
        await CheckAsync(operators, "keyboard-mine");

        var (page, more) = await browser.SignInAsync();
        await page.GotoAsync($"/runtimes/{runtime}");
        await Expect(page.Locator(".keyboard")).ToContainTextAsync("Night watch has the keyboard since");
        await Expect(page.Locator(".keyboard input")).ToHaveCountAsync(0);
        await CheckAsync(page, "keyboard-another-s");
        await page.ClickAsync(".keyboard >> text=Take over");
        await page.ClickAsync("dialog[data-modal] >> text=Take over >> nth=-1");
        await Expect(operators.Locator(".keyboard [role=alert]")).ToHaveTextAsync("founder has taken the keyboard over.");
        await Expect(operators.Locator(".keyboard input, .keyboard button")).ToHaveCountAsync(0);
        await TypeAsync(page, "echo $((21*3)) is mine");
        await Expect(operators.Locator(".term-rows")).ToContainTextAsync("63 is mine");
        await page.ClickAsync(".keyboard >> text=Give back");
        await Expect(operators.Locator(".keyboard")).ToContainTextAsync("Nobody is at its keyboard.");
        complaints.Concat(more).ShouldBeEmpty();
    }

    [Fact]
    public async Task Whatever_goes_wrong_at_a_keyboard_is_said_and_nothing_is_typed_twice()
    {
        var runtime = await ConsoleAsync("second-console");
        var (page, complaints) = await browser.SignInAsync();
        var opens = new TaskCompletionSource();
        await page.RouteAsync("**/keyboard.js", async route =>
        {
            // As it is, but that an answer is lost when a test says so; and it comes when a test says so.
            var script = await (await route.FetchAsync()).TextAsync();
            script.ShouldContain("invokeMethodAsync(\"TypeAsync\"");
            await opens.Task;
            await route.FulfillAsync(new()
            {
                ContentType = "text/javascript",
                Body = script.Replace("open(root, page, hasTerminal) {", "open(root, real, hasTerminal) { const page = { invokeMethodAsync: async (name, ...rest) => { const answer = await real.invokeMethodAsync(name, ...rest); if (name === \"TypeAsync\" && globalThis.losesAnswer) { globalThis.losesAnswer = false; throw new Error(); } return answer; } };", StringComparison.Ordinal),
            });
        });
        var line = page.Locator(".keyboard input");
        var typed = page.Locator(".term-row.term-in");

        // Lost while the page opens it.
        await page.GotoAsync($"/runtimes/{runtime}");
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Ready", new() { Timeout = 60_000 });
        await page.ClickAsync(".keyboard >> text=Take control");
        await Expect(line).ToBeDisabledAsync();
        (await browser.Host.Founder.SendAsync(HttpMethod.Delete, $"runtimes/{runtime}/control", [], null, Stop)).IsRefused.ShouldBeFalse();
        await Expect(page.Locator(".keyboard [role=alert]")).ToContainTextAsync("Your control has run out");
        opens.SetResult();
        await page.ClickAsync(".keyboard >> text=Take control");
        await TypeAsync(page, "echo up");
        await Expect(typed).ToHaveTextAsync(["echo up"]);

        // Typed, and the answer lost.
        await page.EvaluateAsync("globalThis.losesAnswer = true");
        await TypeAsync(page, "echo once");
        await Expect(line).ToHaveValueAsync("echo once");
        await page.Keyboard.PressAsync("Enter");
        await Expect(line).ToHaveValueAsync("");
        await TypeAsync(page, "echo twice");
        await Expect(typed).ToHaveTextAsync(["echo up", "echo once", "echo twice"]);

        // Not typed, and nobody knows.
        await using var database = await browser.Host.OpenDatabaseAsync(Stop);
        await ExecuteAsync(database, "create function fails() returns trigger language plpgsql as 'begin raise ''a test''; end'; create trigger fails before insert on runtime_inputs execute function fails()");
        await TypeAsync(page, "echo later");
        await Expect(page.Locator(".keyboard [role=alert]")).ToContainTextAsync("It is not known whether this was typed");
        await Expect(line).ToHaveValueAsync("echo later");
        await ExecuteAsync(database, "drop trigger fails on runtime_inputs; drop function fails");
        await line.PressAsync("Enter");
        await Expect(typed.Last).ToHaveTextAsync("echo later");
        await Expect(page.Locator(".keyboard [role=alert]")).ToHaveCountAsync(0);

        // A key that is held down goes once for each answer, and what is pressed after it does not wait.
        await page.EvaluateAsync("(() => { const line = document.querySelector('.keyboard input'); for (let n = 0; n < 200; n++) line.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowUp', repeat: n > 0, bubbles: true, cancelable: true })); })()");
        await page.Keyboard.PressAsync("Control+C");
        await Expect(typed).ToHaveTextAsync(["echo up", "echo once", "echo twice", "echo later", "[Up]", "[Ctrl-C]"]);

        // Given back while something is being sent.
        await using (var held = await database.BeginTransactionAsync(Stop))
        {
            await ExecuteAsync(database, "lock table runtime_inputs in exclusive mode");
            await TypeAsync(page, "echo last");
            await Patience.UntilAsync(() => ExecuteAsync(database, "select 1 from pg_locks where relation = 'runtime_inputs'::regclass and mode = 'RowExclusiveLock' and not granted"), Stop);
            await page.ClickAsync(".keyboard >> text=Give back");
            await held.RollbackAsync(Stop);
        }

        await Expect(page.Locator(".keyboard")).ToContainTextAsync("Nobody is at its keyboard.");
        await Expect(typed.Last).ToHaveTextAsync("echo last");
        complaints.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1440, ColorScheme.Light)]
    [InlineData(390, ColorScheme.Dark)]
    public async Task A_task_is_planned_with_the_moment_by_which_it_is_to_be_done_in_the_viewer_s_own_zone(int width, ColorScheme scheme)
    {
        var ticket = (await browser.Host.Founder.PostAsync("tickets", new { title = "Ship it" }, Stop))["key"];
        var (page, complaints) = await browser.SignInAsync(width, scheme);
        await page.GotoAsync($"/work/{ticket}");
        await page.ClickAsync("text=Plan the first task");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "Before the year is over");
        await page.FillAsync("dialog[data-modal] input >> nth=1", "nobody-has-this");
        await page.FillAsync("cc-when input", "2099-12-31T23:30");
        var said = await page.Locator("cc-when .hint").InnerTextAsync();
        said.ShouldEndWith(" UTC");
        await LookAsync(page, $"task-due-{width}-{scheme}");
        await page.ClickAsync("dialog[data-modal] .primary");
        await page.ClickAsync("text=Before the year is over");
        await Expect(page.Locator("dl.facts", new() { HasText = "Due" })).ToContainTextAsync("days left");
        var task = (await browser.Host.Founder.GetAsync($"tasks/{page.Url.Split('/')[^1]}", Stop)).Body!;
        ((DateTimeOffset)task["due_at"]!).ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture).ShouldBe(said[..16]);
        complaints.ShouldBeEmpty();
    }

    private static string Line(int i) => i switch
    {
        77_777 => "step 77777 \u001b[33mneedle 77777\u001b[0m",
        _ when i % 97 == 0 => $"step {i} \u001b[32mok\u001b[0m reading part {i % 13} of the export, {i * 37 % 9_000} rows taken over in {i % 800} ms, nothing was left behind and nothing was done twice",
        _ => $"step {i} reading part {i % 13} of the export",
    };

    private async Task<string> ConsoleAsync(string name)
    {
        (await browser.Host.Founder.SendAsync(
            HttpMethod.Put, $"agent-definitions/{name}", JsonSerializer.SerializeToUtf8Bytes(new { name, adapter = "process", command = new[] { "sh" }, terminal = true }), null, Stop)).IsRefused.ShouldBeFalse();
        return (await browser.Host.Founder.PostAsync("runtimes", new { definition = name }, Stop))["runtime_id"];
    }

    /// <summary>Runs a statement. Returns whether it found anything.</summary>
    private static async Task<bool> ExecuteAsync(NpgsqlConnection database, string sql)
    {
        await using var command = new NpgsqlCommand(sql, database);
        return await command.ExecuteScalarAsync(Stop) is not null;
    }

    private static async Task TypeAsync(IPage page, string line)
    {
        await page.FillAsync(".keyboard input", line);
        await page.PressAsync(".keyboard input:not([disabled])", "Enter");
    }

    private static Task<int> FirstInSightAsync(IPage page) => page.EvaluateAsync<int>(
        "() => { const v = document.querySelector('.term-view').getBoundingClientRect(); return Number([...document.querySelectorAll('.term-row')].find(r => r.getBoundingClientRect().bottom > v.top + 1)?.dataset.line ?? -1); }");

    private static async Task<int> InSightAsync(IPage page, int least, int most)
    {
        await page.WaitForFunctionAsync(
            "([least, most]) => { const v = document.querySelector('.term-view').getBoundingClientRect(); const r = [...document.querySelectorAll('.term-row')].find(r => r.getBoundingClientRect().bottom > v.top + 1); return r && r.dataset.line >= least && r.dataset.line <= most; }",
            new[] { least, most });
        return await FirstInSightAsync(page);
    }

    private async Task DefineAsync(string name, string capability, string label = "studio") =>
        (await browser.Host.Founder.SendAsync(
            HttpMethod.Put, $"agent-definitions/{name}",
            JsonSerializer.SerializeToUtf8Bytes(new { name, adapter = "process", command = new[] { "python3", "agent.py" }, capabilities = new[] { capability }, host_labels = new[] { label }, description = "Works on the importer." }), null, Stop))
        .IsRefused.ShouldBeFalse();

    private async Task<string> TaskAsync(string ticket, string title, string capability) =>
        (await browser.Host.Founder.PostAsync($"tickets/{ticket}/tasks", new { title, required_capabilities = new[] { capability }, lease_seconds = 600 }, Stop))["task_id"];

    private async Task SoundAsync(string runtime, string task)
    {
        var session = (await browser.Host.Founder.GetAsync("sessions", Stop)).Body!["items"]!.AsArray().First(s => s!["task_id"]?.ToString() == task)!["session_id"]!;
        foreach (var cost in new[] { 0.42m, 0.08m })
        {
            (await browser.Host.Founder.PostAsync(
                "cost-events", new { access_path = "api", session_id = session.ToString(), billed_cost = cost, currency = "USD", tokens = new { input = 12_000, output = 900 } }, Stop)).IsRefused.ShouldBeFalse();
        }

        foreach (var width in new[] { 1440, 390 })
        {
            var (page, complaints) = await browser.SignInAsync(width);
            foreach (var path in new[] { "/", "/runtimes", $"/runtimes/{runtime}", "/hosts", "/sessions", $"/sessions/{session}", "/agents/definitions", $"/work/tasks/{task}" })
            {
                await page.GotoAsync(path);
                await page.WaitForSelectorAsync("h1");
                await page.WaitForSelectorAsync(path.Contains("/runtimes/", StringComparison.Ordinal) || path.Contains("/sessions/", StringComparison.Ordinal) ? ".term-row" : ".card:not(.placeholder)");
                var name = path.Replace(runtime, "one", StringComparison.Ordinal).Replace(session.ToString(), "one", StringComparison.Ordinal).Replace(task, "one", StringComparison.Ordinal).Trim('/').Replace('/', '-');
                await CheckAsync(page, $"{name}-{width}");
            }

            complaints.Where(c => !c.Contains("404", StringComparison.Ordinal)).ShouldBeEmpty();
            await page.Context.CloseAsync();
        }
    }

    private static async Task CheckAsync(IPage page, string name)
    {
        (await page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth")).ShouldBeLessThanOrEqualTo(0, name);
        await page.InBothThemesAsync(async scheme =>
        {
            await page.ShouldBeSoundAsync($"{name} {scheme}");
            await LookAsync(page, $"{name}-{scheme}");
        });
    }

    private static async Task LookAsync(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("CC_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{name}.png") });
        }
    }
}
