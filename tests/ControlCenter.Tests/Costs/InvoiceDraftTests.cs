using Bunit;
using ControlCenter.Dashboard.Costs;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Costs;

namespace ControlCenter.Tests.Costs;

public sealed class InvoiceDraftTests : BunitContext
{
    public InvoiceDraftTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Fact]
    public void What_is_changed_after_it_was_checked_is_checked_again()
    {
        var draft = Draft();
        draft.CanImport.ShouldBeFalse();
        draft.Checked(new InvoicePreview([], 1, 5, 4, 1, -20, []));
        draft.CanImport.ShouldBeTrue();
        draft.Number = "2";
        draft.CanImport.ShouldBeFalse();
        draft.Number = "1";
        draft.CanImport.ShouldBeTrue();
        draft.Read("other.csv", "amount\n6");
        draft.CanImport.ShouldBeFalse();
    }

    [Fact]
    public void The_last_day_that_people_say_is_the_day_before_the_one_that_the_bus_is_told()
    {
        Draft().ToImport().PeriodTo.ShouldBe(new DateOnly(2026, 6, 1));
        Should.Throw<ValidationException>(() => new InvoiceDraft().ToImport()).Message.ShouldContain("Choose the invoice's file");
    }

    [Fact]
    public void What_stands_in_the_way_is_listed_and_what_would_be_booked_is_shown()
    {
        var draft = Draft();
        draft.Checked(new InvoicePreview(["Row 2: 'x' is not a number for amount (1234.56).", "Row 3 has no amount."], 0, 0, null, null, null, []));
        var fields = Render<InvoiceFields>(p => p.Add(f => f.Draft, draft));
        fields.FindAll("[role=alert] li").Select(l => l.TextContent).ShouldBe(["Row 2: 'x' is not a number for amount (1234.56).", "Row 3 has no amount."]);

        draft.Checked(new InvoicePreview([], 2, 10, 11, -1, 10, [new ReconciledModule("big", 8, 10, -2), new ReconciledModule(null, 2, 1, 1)]));
        fields.Render();
        fields.FindAll("[role=alert]").ShouldBeEmpty();
        fields.Find("[role=status]").TextContent.ShouldContain("the metering was off by +10 %");
        fields.FindAll("tbody tr").Count.ShouldBe(2);
    }

    private static InvoiceDraft Draft()
    {
        var draft = new InvoiceDraft { Provider = "acme", Number = "1", PeriodFrom = new DateOnly(2026, 5, 1), PeriodThrough = new DateOnly(2026, 5, 31) };
        draft.Read("a.csv", "amount\n5");
        return draft;
    }
}
