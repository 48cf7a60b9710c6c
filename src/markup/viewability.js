(function(urls,ms,w,h){
if(!window.IntersectionObserver)return;
var d=document,me=d.currentScript,box=me&&me.parentNode,whole=false,timer=0,done=false;
if(!box||box===d.body||box===d.head||box===d.documentElement){
box=d.createElement("div");
box.style.cssText="position:fixed;top:0;left:0;width:100%;height:100%;visibility:hidden;pointer-events:none";
(d.body||d.documentElement).appendChild(box);
}
function fire(){
if(done)return;
done=true;
watch.disconnect();
for(var i=0;i<urls.length;i++)(new Image()).src=urls[i];
}
function judge(){
clearTimeout(timer);
if(!done&&whole&&d.visibilityState==="visible")timer=setTimeout(fire,ms);
}
var watch=new IntersectionObserver(function(all){
var e=all[all.length-1],r=e.boundingClientRect,s=e.intersectionRect;
var now=e.isIntersecting&&r.width>1&&r.height>1&&r.width>w-2&&r.height>h-2&&s.width>r.width-1&&s.height>r.height-1;
if(now!==whole){whole=now;judge();}
},{threshold:[0,.5,.9,.95,.98,.99,.995,1]});
d.addEventListener("visibilitychange",judge);
watch.observe(box);
})
